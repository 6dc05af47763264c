#pragma once

#include <pqlease/status.hpp>

namespace pqlease::detail {

/// What a release finds.
struct SessionCondition {
  Status status{Status::closed};
  bool transaction_registered{false};  ///< a `pqxx` transaction object still refers to the connection
  bool close_requested{false};         ///< close_on_release(), or an error that poisons
  bool cancel_pending{false};          ///< a cancel request of the lease may still arrive at the server
};

/// What is done to the session.
enum class ReleaseAction {
  hand_over,   ///< nothing: the next lease gets it as it is
  roll_back,   ///< ROLLBACK
  drain,       ///< cancel, read to the end, then ROLLBACK if a transaction is left
  close,       ///< close it
  quarantine,  ///< close it, and keep the connection object for the transaction object that refers to it
};

/// What is said about it.
enum class ReleaseReport {
  none,
  closed,       ///< a log line: closed by its user, or as asked
  lost,         ///< a log line: the session is broken, and the caller has seen the error
  cancel_late,  ///< a warning in the log: closed, since a cancel request was still under way
  leak,         ///< UncommittedTransaction; where nothing may be thrown, a warning in the log
};

struct ReleasePlan {
  ReleaseAction action;
  ReleaseReport report;

  friend bool operator==(ReleasePlan const &, ReleasePlan const &) = default;
};

/// The table "Release: the rules", as a function.
[[nodiscard]] ReleasePlan plan_release(SessionCondition const &found) noexcept;

}  // namespace pqlease::detail
