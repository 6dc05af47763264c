#include "detail/session_opener.hpp"

#include "session/connect.hpp"
#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <spdlog/fmt/fmt.h>

#include <exception>
#include <string>

namespace pqlease::detail {
namespace {

std::string text_of(std::exception_ptr const &error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const &known) {
    return known.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

/// In a handler: ConnectionDown, with the exception being handled nested in it.
[[noreturn]] void throw_down(std::string const &message, std::string sqlstate = {}) {
  std::throw_with_nested(ConnectionDown{message, std::move(sqlstate)});
}

void connect(Session &session, Conninfo const &conninfo, Deadline deadline) {
  try {
    session.open(conninfo, deadline);
  } catch (ConnectFailure const &failure) {
    try {
      throw pqxx::broken_connection{failure.message};
    } catch (...) {
      throw_down(fmt::format("{}: no session: {}", conninfo.masked(), failure.message), failure.sqlstate);
    }
  }
}

}  // namespace

void SessionOpener::open(Session &session, Deadline deadline) {
  cut_short_ = false;
  try {
    auto const conninfo = ask_for_conninfo();
    auto const longest = Deadline::after(options_.connect_timeout);
    cut_short_ = deadline.when() < longest.when();  // until it is connected
    connect(session, conninfo, earliest(deadline, longest));
    cut_short_ = false;
    set_up(session, conninfo);
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

}  // namespace pqlease::detail
