#pragma once

#include "detail/backoff.hpp"
#include <pqlease/reconnect_policy.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

namespace pqlease::detail {

/// Why an attempt to open failed. Carries no secret.
struct OpenFailure {
  std::string message;
  std::string sqlstate;      ///< empty when no server answered
  std::exception_ptr cause;  ///< what is nested in a ConnectionDown
};

/// A failed attempt, for the log.
struct FailedAttempt {
  std::size_t number{0};                 ///< in a row, from 1
  std::chrono::nanoseconds down_for{0};  ///< since the first of them failed
  std::chrono::nanoseconds delay{0};     ///< until the next
};

/// The end of an outage, for the log.
struct Recovery {
  std::chrono::nanoseconds down_for{0};
  std::size_t attempts{0};  ///< with the one that succeeded
};

/// What somebody does who needs a session and finds none.
enum class NextStep {
  attempt,  ///< it is time to try to open
  wait,     ///< until next_attempt(), or until something changes
  give_up,  ///< the last failure is the answer
};

/// The attempts to open that have failed since the last one that succeeded, and when the next one is due. It decides
/// and remembers, and does nothing else: no mutex, no clock, no source of chance.
///
/// Every failure is everybody's: who had asked for a lease before an attempt failed is answered by that failure, and
/// makes no attempt of its own.
///
/// Thread safety: none.
class Outage {
public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit Outage(ReconnectPolicy const &policy) noexcept;

  /// Whether the last attempt failed.
  [[nodiscard]] bool is_on() const noexcept { return failures_ > 0; }

  /// How many attempts have failed, ever: what whoever asks for a lease remembers.
  [[nodiscard]] std::uint64_t failures_ever() const noexcept { return failures_ever_; }

  /// What the holder of a lease does who had asked for it when so many attempts had failed.
  [[nodiscard]] NextStep next_for_lease(std::uint64_t failures_known, TimePoint now) const noexcept;

  /// What a background thread does that makes the attempts (ReconnectMode::fail_fast).
  [[nodiscard]] NextStep next_in_background(TimePoint now) const noexcept;

  /// Whether a background thread may make another attempt in this outage.
  [[nodiscard]] bool wants_background() const noexcept;

  [[nodiscard]] bool backs_off(TimePoint now) const noexcept { return is_on() && now < next_attempt_; }
  [[nodiscard]] TimePoint next_attempt() const noexcept { return next_attempt_; }

  /// Why the last attempt failed; null when none has.
  [[nodiscard]] std::shared_ptr<OpenFailure const> const &cause() const noexcept { return cause_; }

  /// An attempt has failed. `chance` is a random number in [0, 1).
  FailedAttempt fail(std::shared_ptr<OpenFailure const> cause, TimePoint now, double chance) noexcept;

  /// An attempt was given up for a reason of its maker's, such as a short deadline: it says nothing about the server.
  /// In an outage it has taken the place of an attempt all the same, and the next one is due a delay later.
  void abandon_attempt(TimePoint now, double chance) noexcept;

  /// An attempt has succeeded, and ends the outage, if there is one.
  Recovery end(TimePoint now) noexcept;

private:
  Backoff const backoff_;
  std::size_t const max_background_attempts_;  // 0: no bound

  std::size_t failures_{0};  // in a row
  std::uint64_t failures_ever_{0};
  TimePoint since_{};
  TimePoint next_attempt_{};
  std::shared_ptr<OpenFailure const> cause_{};
};

}  // namespace pqlease::detail
