#pragma once

#include "detail/connect_failure.hpp"
#include "detail/deadline.hpp"
#include "session/conninfo.hpp"
#include "session/handle.hpp"
#include "session/interrupt.hpp"
#include <pqlease/options.hpp>

namespace pqlease::detail {

/// Opens a connection by PQconnectStart and PQconnectPoll.
///
/// Several hosts are tried one by one rather than left to libpq, whose own time limit for each of them holds in its
/// blocking functions only: one host that says nothing would use up the time of all. The addresses that one name stands
/// for share that host's time. With Require::writable a server that says it is read-only counts as a refusal.
///
/// Blocking: until `deadline`, all hosts together, but for the system's name resolver, which libpq calls in line.
/// Throws: ConnectFailure, which names the failure of every host that was tried; Interrupted; std::bad_alloc.
[[nodiscard]] Handle connect(Conninfo const &conninfo, Require require, Deadline deadline, Interrupt const &interrupt);

}  // namespace pqlease::detail
