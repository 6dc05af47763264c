#pragma once

#include "detail/deadline.hpp"

#include <libpq-fe.h>

namespace pqlease::detail {

/// Sends one command that returns no rows, and waits for its answer, by libpq's asynchronous functions.
///
/// Blocking: until `deadline`.
/// Returns: whether the server carried it out in time; if not, the session is only good for closing.
[[nodiscard]] bool run_command(PGconn *raw, char const *sql, Deadline deadline) noexcept;

/// Ends what is in progress: cancels the statement, ends a COPY, and throws away what is unread.
///
/// Blocking: until `deadline`.
/// Returns: whether the session is ready for the next command; if not, it is only good for closing.
[[nodiscard]] bool drain(PGconn *raw, Deadline deadline) noexcept;

}  // namespace pqlease::detail
