#pragma once

#include "detail/deadline.hpp"
#include <pqlease/atomic_options.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace pqlease::detail {

/// Why an attempt at a block failed, as far as it matters for another one.
enum class Failure {
  error,              ///< rolled back, because of an exception that may have an SQLSTATE
  disconnected,       ///< the session was lost before COMMIT was sent: rolled back
  found_rolled_back,  ///< it was lost during COMMIT, and the transaction was found to be rolled back
  final,              ///< whatever it was, the block must not be run again
};

/// What comes after a failed attempt.
enum class RetryStep {
  pass,     ///< its exception comes through: another attempt would not help, or no retry was asked for
  give_up,  ///< its exception comes through: another attempt might have helped, but there is none left
  retry,    ///< another attempt
};

struct Verdict {
  RetryStep step{RetryStep::pass};
  std::chrono::nanoseconds delay{0};  ///< before the next attempt

  friend bool operator==(Verdict const &, Verdict const &) = default;
};

/// Decides whether and when a block is run again. Knows no clock, no source of chance and no database.
///
/// Lifetime: that of the policy, which it refers to.
class RetrySchedule {
public:
  using TimePoint = Deadline::Clock::time_point;

  RetrySchedule(RetryPolicy const &policy, TimePoint first_attempt) noexcept
      : policy_{policy}, first_attempt_{first_attempt} {}

  /// For whoever had to wait for the lease before the first attempt.
  void first_attempt_at(TimePoint when) noexcept { first_attempt_ = when; }

  /// An attempt has failed at `now`. `chance` is a random number in [0, 1).
  [[nodiscard]] Verdict after(Failure failure, std::string const &sqlstate, TimePoint now, double chance) noexcept;

  /// How many attempts have failed.
  [[nodiscard]] std::size_t failed() const noexcept { return failed_; }

  /// No attempt starts later.
  [[nodiscard]] Deadline deadline() const noexcept;

private:
  [[nodiscard]] bool might_help(Failure failure, std::string const &sqlstate) const noexcept;

  RetryPolicy const &policy_;
  TimePoint first_attempt_;
  std::size_t failed_{0};
};

}  // namespace pqlease::detail
