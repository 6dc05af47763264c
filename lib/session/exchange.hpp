#pragma once

#include "detail/deadline.hpp"

#include <libpq-fe.h>

#include <map>
#include <string>

namespace pqlease::detail {

/// Sends one command that returns no rows, and waits for its answer, by libpq's asynchronous functions.
///
/// Blocking: until `deadline`.
/// Returns: whether the server carried it out in time; if not, the session is only good for closing.
[[nodiscard]] bool run_command(PGconn *raw, char const *sql, Deadline deadline) noexcept;

/// What became of a command.
struct Reply {
  enum class Outcome {
    carried_out,
    refused,  ///< the server said no; the session is ready for the next command
    lost,     ///< no answer in time, or the connection broke: the session is only good for closing
  };

  Outcome outcome{Outcome::lost};
  std::string message{};   ///< of a refusal, the server's primary message, without the statement; else the reason
  std::string sqlstate{};  ///< of a refusal
  std::string value{};     ///< of a row that was asked for: its first field, empty for a null, too

  [[nodiscard]] bool carried_out() const noexcept { return outcome == Outcome::carried_out; }
  [[nodiscard]] bool lost() const noexcept { return outcome == Outcome::lost; }
};

/// Asks for one row by a statement without parameters.
///
/// Blocking: until `deadline`.
[[nodiscard]] Reply ask(PGconn *raw, char const *sql, Deadline deadline);

/// Sets run-time parameters of the session, all of them in one round trip (set_config). At least one is needed.
///
/// Blocking: until `deadline`.
[[nodiscard]] Reply set_parameters(PGconn *raw, std::map<std::string, std::string> const &parameters,
                                   Deadline deadline);

/// Prepares a statement under a name (libpq, PQsendPrepare). The session must be idle, outside a transaction.
///
/// Blocking: until `deadline`.
[[nodiscard]] Reply prepare(PGconn *raw, std::string const &name, std::string const &sql, Deadline deadline);

/// Reads the end of an answer whose results have all been read.
///
/// Blocking: until `deadline`.
/// Returns: whether it came; false, too, when a result came instead, which is lost then, or a COPY is in progress.
[[nodiscard]] bool finish_reading(PGconn *raw, Deadline deadline) noexcept;

/// Ends what is in progress: cancels the statement, ends a COPY, and throws away what is unread.
///
/// Blocking: until `deadline`.
/// Returns: whether the session is ready for the next command; if not, it is only good for closing.
[[nodiscard]] bool drain(PGconn *raw, Deadline deadline) noexcept;

}  // namespace pqlease::detail
