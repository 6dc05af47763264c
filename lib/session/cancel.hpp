#pragma once

#include "detail/deadline.hpp"

#include <libpq-fe.h>

namespace pqlease::detail {

/// Asks the server to cancel what the session is doing, over a connection of its own.
///
/// Blocking: until `deadline`.
/// Returns: whether the server has taken the request. If not, a request may still be under way, so that the session
/// must
///          not be used any more.
[[nodiscard]] bool request_cancel(PGconn *raw, Deadline deadline) noexcept;

}  // namespace pqlease::detail
