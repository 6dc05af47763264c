#pragma once

#include "detail/connect_failure.hpp"
#include "detail/deadline.hpp"
#include "session/conninfo.hpp"
#include "session/handle.hpp"

namespace pqlease::detail {

/// Opens a connection by PQconnectStart and PQconnectPoll.
///
/// Blocking: until `deadline`, but for the system's name resolver, which libpq calls in line.
/// Throws: ConnectFailure; std::bad_alloc.
[[nodiscard]] Handle connect(Conninfo const &conninfo, Deadline deadline);

}  // namespace pqlease::detail
