#pragma once

#include "detail/live_histogram.hpp"
#include <pqlease/statistics.hpp>

#include <atomic>
#include <cstdint>

namespace pqlease::detail {

/// One number of Statistics: grows from any thread, is read from any thread.
class Counter {
public:
  // Released and acquired, so that who sees this number also sees what was counted before it.
  void operator++() noexcept { *this += 1; }
  void operator+=(std::uint64_t count) noexcept { value_.fetch_add(count, std::memory_order_release); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_acquire); }

private:
  std::atomic<std::uint64_t> value_{0};
};

/// The live form of Statistics. Leases granted are counted by `wait`, which must be recorded before leases_contended
/// and `hold`.
struct Counters {
  Counter leases_contended, leases_timed_out, leases_cancelled, leases_refused;
  Counter sessions_opened, failed_opens, sessions_replaced;
  Counter leaks, forced_rollbacks, forced_closes, quarantined;
  Counter cancels_sent, hold_warnings;
  Counter blocks_committed, blocks_rolled_back, blocks_retried, blocks_given_up;
  Counter in_doubt_committed, in_doubt_rolled_back, in_doubt_unknown;
  Counter notifications_delivered, notification_gaps;
  LiveHistogram wait, hold;

  /// The epoch that the parent process had reached when it forked this one; 0 in the first process.
  std::uint64_t inherited_epoch{0};

  [[nodiscard]] std::uint64_t epoch() const noexcept { return inherited_epoch + sessions_opened.value(); }

  [[nodiscard]] Statistics snapshot() const noexcept {
    // Parts before the whole that they are part of, in the opposite order of counting.
    Statistics copy{.leases_contended = leases_contended.value(),
                    .leases_timed_out = leases_timed_out.value(),
                    .leases_cancelled = leases_cancelled.value(),
                    .sessions_opened = sessions_opened.value(),
                    .failed_opens = failed_opens.value(),
                    .sessions_replaced = sessions_replaced.value(),
                    .leaks = leaks.value(),
                    .forced_rollbacks = forced_rollbacks.value(),
                    .forced_closes = forced_closes.value(),
                    .quarantined = quarantined.value(),
                    .leases_refused = leases_refused.value(),
                    .cancels_sent = cancels_sent.value(),
                    .hold_warnings = hold_warnings.value(),
                    .blocks_committed = blocks_committed.value(),
                    .blocks_retried = blocks_retried.value(),
                    .blocks_given_up = blocks_given_up.value(),
                    .in_doubt_committed = in_doubt_committed.value(),
                    .in_doubt_rolled_back = in_doubt_rolled_back.value(),
                    .in_doubt_unknown = in_doubt_unknown.value(),
                    .notifications_delivered = notifications_delivered.value(),
                    .notification_gaps = notification_gaps.value(),
                    .hold = hold.snapshot()};
    copy.blocks_rolled_back = blocks_rolled_back.value();
    copy.wait = wait.snapshot();
    copy.leases_granted = copy.wait.count();
    return copy;
  }
};

}  // namespace pqlease::detail
