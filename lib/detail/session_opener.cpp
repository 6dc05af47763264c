#include "detail/session_opener.hpp"

#include "detail/messages.hpp"
#include "session/connect.hpp"
#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <spdlog/fmt/fmt.h>

#include <exception>
#include <string>
#include <string_view>

namespace pqlease::detail {
namespace {

/// In a handler: ConnectionDown, with the exception being handled nested in it.
[[noreturn]] void throw_down(std::string const &message, std::string sqlstate = {}) {
  std::throw_with_nested(ConnectionDown{message, std::move(sqlstate)});
}

void connect(Session &session, Conninfo const &conninfo, Require require, Deadline deadline,
             Interrupt const &interrupt) {
  try {
    session.open(conninfo, require, deadline, interrupt);
  } catch (ConnectFailure const &failure) {
    try {
      throw pqxx::broken_connection{failure.message};
    } catch (...) {
      throw_down(fmt::format("{}: no session: {}", conninfo.masked(), failure.message), failure.sqlstate);
    }
  }
}

[[noreturn]] void give_up(Session &session, Conninfo const &conninfo, std::string_view step, Reply const &reply) {
  session.discard();
  auto const problem = conninfo.redact(reply.message);
  try {
    if (reply.lost()) throw pqxx::broken_connection{problem};
    throw pqxx::sql_error{problem, "", reply.sqlstate.c_str()};
  } catch (...) {
    throw_down(fmt::format("{}: no session: {}: {}", conninfo.masked(), step, problem), reply.sqlstate);
  }
}

}  // namespace

void SessionOpener::open(Session &session, Deadline deadline, Interrupt const &interrupt) {
  cut_short_ = false;
  try {
    auto const conninfo = ask_for_conninfo();
    auto const longest = Deadline::after(options_.connect_timeout);
    auto const until = earliest(deadline, longest);
    cut_short_ = deadline.when() < longest.when();  // but for on_open, which takes its own time
    connect(session, conninfo, options_.require, until, interrupt);
    set_parameters(session, conninfo, until);
    cut_short_ = false;
    set_up(session, conninfo);
    check_setup(session, conninfo);
    prepare_statements(session, conninfo, deadline);
  } catch (...) {
    ++counters_.failed_opens;
    cut_short_ = cut_short_ && deadline.passed();
    throw;
  }
  ++counters_.sessions_opened;
  log_.write(Severity::info, fmt::format("{}: session opened: epoch {}, backend {}", source_.masked(),
                                         counters_.epoch(), session.backend_pid()));
}

Conninfo SessionOpener::ask_for_conninfo() {
  try {
    return source_.next();
  } catch (InvalidConnectionString const &) {
    throw;
  } catch (...) {
    throw_down("no session: the provider of the connection string failed: " + text_of(std::current_exception()));
  }
}

void SessionOpener::set_parameters(Session &session, Conninfo const &conninfo, Deadline deadline) {
  if (options_.session_parameters.empty()) return;
  auto const reply = session.set_parameters(options_.session_parameters, deadline);
  if (!reply.carried_out()) give_up(session, conninfo, "Options::session_parameters", reply);
}

void SessionOpener::prepare_statements(Session &session, Conninfo const &conninfo, Deadline deadline) {
  preparer_.start_afresh();
  if (preparer_.is_done()) return;
  auto const longest = Deadline::after(options_.connect_timeout);
  cut_short_ = deadline.when() < longest.when();
  auto const reply = preparer_.prepare(session, earliest(deadline, longest));
  if (reply.lost()) give_up(session, conninfo, "lost while statements were prepared", reply);
}

void SessionOpener::set_up(Session &session, Conninfo const &conninfo) {
  if (!options_.on_open) return;
  try {
    options_.on_open(session.connection());
    if (session.has_registered_transaction() || session.status() != Status::idle) {
      throw UsageError{fmt::format("on_open left the session {}", to_string(session.status()))};
    }
  } catch (...) {
    auto const problem = conninfo.redact(text_of(std::current_exception()));
    session.discard();
    throw_down(fmt::format("{}: no session: on_open failed: {}", conninfo.masked(), problem));
  }
}

// Such a setup would have every lease find the session unfit, and open another one.
void SessionOpener::check_setup(Session &session, Conninfo const &conninfo) const {
  if (options_.require != Require::writable || !session.is_read_only()) return;
  session.discard();
  try {
    throw UsageError{"the setup left the session read-only, and Options::require wants one that is writable"};
  } catch (UsageError const &error) {
    throw_down(fmt::format("{}: no session: {}", conninfo.masked(), error.what()));
  }
}

}  // namespace pqlease::detail
