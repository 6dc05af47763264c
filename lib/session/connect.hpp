#pragma once

#include "detail/deadline.hpp"
#include "session/conninfo.hpp"
#include "session/handle.hpp"

#include <string>

namespace pqlease::detail {

/// Why no connection could be made. Carries no secret.
struct ConnectFailure {
  std::string message;
  std::string sqlstate;  ///< empty when no server answered
};

/// Opens a connection by PQconnectStart and PQconnectPoll.
///
/// Blocking: until `deadline`, but for the system's name resolver, which libpq calls in line.
/// Throws: ConnectFailure; std::bad_alloc.
[[nodiscard]] Handle connect(Conninfo const &conninfo, Deadline deadline);

}  // namespace pqlease::detail
