#include "session/connect.hpp"

#include "detail/backoff.hpp"
#include "detail/host_plan.hpp"
#include "session/fork_guard.hpp"
#include "session/host_settings.hpp"
#include "session/read_only.hpp"
#include "session/socket.hpp"

#include <spdlog/fmt/fmt.h>

#include <new>
#include <utility>
#include <vector>

namespace pqlease::detail {
namespace {

constexpr std::string_view no_answer = "the server did not answer in time";

ConnectFailure failure_of(PGconn *raw, Conninfo const &conninfo) {
  return read_refusal(conninfo.redact(PQerrorMessage(raw)));
}

/// The handle is given up in the middle of the handshake: PQfinish must not wait for a peer that does not read.
ConnectFailure give_up(PGconn *raw) {
  cut_socket(PQsocket(raw));
  return {.message = std::string{no_answer}, .sqlstate = {}};
}

Handle checked(PGconn *raw, Conninfo const &conninfo) {
  Handle handle{raw};
  if (!handle) throw std::bad_alloc{};
  if (PQstatus(raw) == CONNECTION_BAD) throw failure_of(raw, conninfo);
  return handle;
}

Handle start(Conninfo const &conninfo) { return checked(PQconnectStart(conninfo.text().c_str()), conninfo); }

/// What comes later in the list counts, unless it is empty (libpq, PQconnectStartParams).
Handle start(Conninfo const &conninfo, HostAttempt const &attempt) {
  bool const blank = conninfo.text().find_first_not_of(" \t\n\v\f\r") == std::string::npos;
  std::vector<char const *> const keywords{"dbname", "host", "hostaddr", "port", "target_session_attrs", nullptr};
  std::vector<char const *> const values{blank ? "" : conninfo.text().c_str(),
                                         attempt.host.c_str(),
                                         attempt.hostaddr.c_str(),
                                         attempt.port.c_str(),
                                         attempt.target_session_attrs.c_str(),
                                         nullptr};
  return checked(PQconnectStartParams(keywords.data(), values.data(), 1), conninfo);
}

Handle finish(Handle handle, Conninfo const &conninfo, Deadline deadline, Interrupt const &interrupt) {
  auto *const raw = handle.get();
  ForkGuard guard;
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);  // the only way to learn the SQLSTATE of a refusal
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK; next = PQconnectPoll(raw)) {
    if (next == PGRES_POLLING_FAILED) throw failure_of(raw, conninfo);
    guard.watch(PQsocket(raw));  // libpq may have gone on to another address
    auto const event = next == PGRES_POLLING_READING ? SocketEvent::readable : SocketEvent::writable;
    if (deadline.passed()) throw give_up(raw);
    auto const ended = wait_for_socket(PQsocket(raw), event, deadline, interrupt);
    if (ended == WaitEnd::ready) continue;
    if (ended != WaitEnd::interrupted) throw give_up(raw);
    cut_socket(PQsocket(raw));
    throw Interrupted{};
  }
  PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
  return handle;
}

// Where libpq has no say, it being asked for a standby, for one.
Handle checked_for(Require require, Handle handle) {
  if (require == Require::writable && reports_read_only(handle.get()))
    throw ConnectFailure{.message = "the session is read-only, and Options::require wants one that is writable",
                         .sqlstate = {}};
  return handle;
}

/// libpq names the host in what it says itself.
std::string with_place(std::string const &message, HostAttempt const &attempt, Conninfo const &conninfo) {
  auto const &host = attempt.host.empty() ? attempt.hostaddr : attempt.host;
  bool const named =
      host.empty() || message.starts_with("connection to server") || message.find(host) != std::string::npos;
  if (named) return message;
  return conninfo.redact(
      fmt::format("connection to server at \"{}\", port {} failed: {}", host, attempt.port, message));
}

void add(ConnectFailure &all, ConnectFailure failure, HostAttempt const &attempt, Conninfo const &conninfo) {
  if (!all.message.empty()) all.message += '\n';
  all.message += with_place(failure.message, attempt, conninfo);
  if (!failure.sqlstate.empty()) all.sqlstate = std::move(failure.sqlstate);
}

Handle first_to_accept(std::vector<HostAttempt> const &attempts, Conninfo const &conninfo, Require require,
                       Deadline deadline, Interrupt const &interrupt) {
  ConnectFailure all;
  for (auto left = attempts.size(); left > 0; --left) {
    auto const &attempt = attempts[attempts.size() - left];
    try {
      if (left < attempts.size() && deadline.passed())
        throw ConnectFailure{.message = "no time was left", .sqlstate = {}};
      auto const share = share_of(deadline, left, Deadline::Clock::now());
      return checked_for(require, finish(start(conninfo, attempt), conninfo, share, interrupt));
    } catch (ConnectFailure const &failure) {
      add(all, failure, attempt, conninfo);
      if (ends_search(failure.sqlstate)) break;
    }
  }
  throw ConnectFailure{std::move(all)};
}

}  // namespace

Handle connect(Conninfo const &conninfo, Require require, Deadline deadline, Interrupt const &interrupt) {
  Handle started;
  auto settings = host_settings(conninfo);
  if (!settings) {
    started = start(conninfo);
    settings = host_settings(started.get());
  }
  auto attempts = plan_hosts(*settings, require, &random_chance);
  if (attempts.empty()) {
    auto target = target_for(settings->target_session_attrs, require);
    if (target == settings->target_session_attrs) {
      if (!started) started = start(conninfo);
      return checked_for(require, finish(std::move(started), conninfo, deadline, interrupt));
    }
    attempts.push_back({.host = {}, .hostaddr = {}, .port = {}, .target_session_attrs = std::move(target)});
  }
  // Before the first attempt: a service file that names several hosts has cost a connection that says nothing.
  started.reset();
  return first_to_accept(attempts, conninfo, require, deadline, interrupt);
}

}  // namespace pqlease::detail
