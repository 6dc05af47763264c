#include "session/connect.hpp"

#include "session/socket.hpp"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

namespace pqlease::detail {
namespace {

bool is_sqlstate(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

/// Takes the SQLSTATE out of `severity:  SQLSTATE: message`; empty when there is none.
std::string take_sqlstate(std::string &message) {
  constexpr std::string_view before = ":  ";
  constexpr std::size_t length = 5;
  for (auto at = message.find(before); at != std::string::npos; at = message.find(before, at + 1)) {
    auto const start = at + before.size();
    if (message.compare(start + length, 2, ": ") != 0) continue;
    auto sqlstate = message.substr(start, length);
    if (!is_sqlstate(sqlstate)) continue;
    message.erase(start, length + 2);
    return sqlstate;
  }
  return {};
}

/// Cuts off the last line if it names a place in the server's source: `word:  function, file.c:123`.
void cut_place(std::string &message) {
  auto const line = message.rfind('\n');
  if (line == std::string::npos) return;
  auto const comma = message.find(", ", line);
  auto const file = message.find(".c:", line);
  if (message.find(":  ", line) < comma && comma < file && file != std::string::npos) message.erase(line);
}

/// What libpq says in its verbose form, taken apart. Works in any language of the messages.
ConnectFailure read_failure(std::string message) {
  while (message.ends_with('\n')) message.pop_back();
  cut_place(message);
  auto sqlstate = take_sqlstate(message);
  return {.message = std::move(message), .sqlstate = std::move(sqlstate)};
}

ConnectFailure failure_of(PGconn *raw, Conninfo const &conninfo) {
  return read_failure(conninfo.redact(PQerrorMessage(raw)));
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

  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);  // the only way to learn the SQLSTATE of a refusal
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK; next = PQconnectPoll(raw)) {
    if (next == PGRES_POLLING_FAILED) throw failure_of(raw, conninfo);
    auto const event = next == PGRES_POLLING_READING ? SocketEvent::readable : SocketEvent::writable;
    if (deadline.passed() || !wait_for_socket(PQsocket(raw), event, deadline)) throw give_up(raw);
  }
  PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
  return handle;
}

}  // namespace pqlease::detail
