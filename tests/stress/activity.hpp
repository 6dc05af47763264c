#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace pqlease::stress {

/// What a thread is doing, for a watchdog in another one.
class Activity {
public:
  using Clock = std::chrono::steady_clock;

  /// `step` must be a literal.
  void start(char const *step) noexcept {
    since_.store(Clock::now(), std::memory_order_relaxed);
    step_.store(step, std::memory_order_release);
  }
  void end() noexcept { ended_.store(true, std::memory_order_release); }

  [[nodiscard]] char const *step() const noexcept { return step_.load(std::memory_order_acquire); }
  [[nodiscard]] Clock::duration for_how_long() const noexcept {
    return Clock::now() - since_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }

private:
  std::atomic<char const *> step_{"starting"};
  std::atomic<Clock::time_point> since_{Clock::now()};
  std::atomic<bool> ended_{false};
};

/// Notices threads that are stuck.
class Watchdog {
public:
  /// No step may take longer than `patience`.
  Watchdog(std::size_t threads, std::chrono::seconds patience) : activities_(threads), patience_{patience} {}

  [[nodiscard]] Activity &activity(std::size_t thread) { return activities_[thread]; }
  [[nodiscard]] bool all_have_ended() const noexcept;
  [[nodiscard]] bool somebody_is_stuck() const noexcept;

  /// One line for every thread that has not ended: what it does, and since when.
  [[nodiscard]] std::string describe() const;

private:
  std::vector<Activity> activities_;
  std::chrono::seconds patience_;
};

}  // namespace pqlease::stress
