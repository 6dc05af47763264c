#include "session/connect.hpp"

#include "session/fork_guard.hpp"
#include "session/socket.hpp"

#include <new>

namespace pqlease::detail {
namespace {

ConnectFailure failure_of(PGconn *raw, Conninfo const &conninfo) {
  return read_refusal(conninfo.redact(PQerrorMessage(raw)));
}

/// The handle is given up in the middle of the handshake: PQfinish must not wait for a peer that does not read.
ConnectFailure give_up(PGconn *raw) {
  cut_socket(PQsocket(raw));
  return {.message = "the server did not answer in time", .sqlstate = {}};
}

}  // namespace

Handle connect(Conninfo const &conninfo, Deadline deadline) {
  Handle handle{PQconnectStart(conninfo.text().c_str())};
  if (!handle) throw std::bad_alloc{};
  auto *const raw = handle.get();
  if (PQstatus(raw) == CONNECTION_BAD) throw failure_of(raw, conninfo);

  ForkGuard guard;
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);  // the only way to learn the SQLSTATE of a refusal
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK; next = PQconnectPoll(raw)) {
    if (next == PGRES_POLLING_FAILED) throw failure_of(raw, conninfo);
    guard.watch(PQsocket(raw));  // libpq may have gone on to another host
    auto const event = next == PGRES_POLLING_READING ? SocketEvent::readable : SocketEvent::writable;
    if (deadline.passed() || !wait_for_socket(PQsocket(raw), event, deadline)) throw give_up(raw);
  }
  PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
  return handle;
}

}  // namespace pqlease::detail
