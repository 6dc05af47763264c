#pragma once

#include <pqlease/statistics.hpp>

#include <atomic>
#include <cstdint>

namespace pqlease::detail {

/// One number of Statistics: grows from any thread, is read from any thread.
class Counter {
public:
  void operator++() noexcept { value_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> value_{0};
};

/// The live form of Statistics.
struct Counters {
  Counter leases_granted, leases_contended, leases_timed_out, leases_cancelled;
  Counter sessions_opened, failed_opens, sessions_replaced;
  Counter leaks, forced_rollbacks, forced_closes, quarantined;

  /// The epoch that the parent process had reached when it forked this one; 0 in the first process.
  std::uint64_t inherited_epoch{0};

  [[nodiscard]] std::uint64_t epoch() const noexcept { return inherited_epoch + sessions_opened.value(); }

  [[nodiscard]] Statistics snapshot() const noexcept {
    return {.leases_granted = leases_granted.value(),
            .leases_contended = leases_contended.value(),
            .leases_timed_out = leases_timed_out.value(),
            .leases_cancelled = leases_cancelled.value(),
            .sessions_opened = sessions_opened.value(),
            .failed_opens = failed_opens.value(),
            .sessions_replaced = sessions_replaced.value(),
            .leaks = leaks.value(),
            .forced_rollbacks = forced_rollbacks.value(),
            .forced_closes = forced_closes.value(),
            .quarantined = quarantined.value()};
  }
};

}  // namespace pqlease::detail
