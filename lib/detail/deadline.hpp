#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace pqlease::detail {

/// A point on the steady clock past which nobody may wait, or never.
class Deadline {
public:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] static Deadline never() noexcept { return Deadline{Clock::time_point::max()}; }
  [[nodiscard]] static Deadline at(Clock::time_point when) noexcept { return Deadline{when}; }

  /// A time-out too long for the clock is as good as never.
  [[nodiscard]] static Deadline after(std::chrono::milliseconds timeout) noexcept {
    auto const now = Clock::now();
    auto const room = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - now);
    if (timeout >= room) return never();
    return Deadline{timeout.count() > 0 ? now + timeout : now};
  }

  [[nodiscard]] bool is_never() const noexcept { return when_ == Clock::time_point::max(); }
  [[nodiscard]] bool passed() const noexcept { return !is_never() && Clock::now() >= when_; }
  [[nodiscard]] Clock::time_point when() const noexcept { return when_; }

  /// The time left as poll(2) wants it: rounded up, so that a wait never ends just before the deadline; -1 for never.
  [[nodiscard]] int poll_timeout() const noexcept {
    if (is_never()) return -1;
    if (passed()) return 0;
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(when_ - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
  }

  [[nodiscard]] friend Deadline earliest(Deadline a, Deadline b) noexcept { return a.when_ <= b.when_ ? a : b; }

private:
  explicit Deadline(Clock::time_point when) noexcept : when_{when} {}

  Clock::time_point when_;
};

}  // namespace pqlease::detail
