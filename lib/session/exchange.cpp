#include "session/exchange.hpp"

#include "session/cancel.hpp"
#include "session/result.hpp"
#include "session/socket.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <vector>

namespace pqlease::detail {
namespace {

/// Waits until the socket takes more. A peer that wants to be read before it reads is read meanwhile.
bool await_room(PGconn *raw, Deadline deadline) noexcept {
  auto const now = Deadline::at({});
  while (!wait_for_socket(PQsocket(raw), SocketEvent::writable, now)) {
    if (deadline.passed() || !wait_for_socket(PQsocket(raw), SocketEvent::either, deadline)) return false;
    if (wait_for_socket(PQsocket(raw), SocketEvent::readable, now) && PQconsumeInput(raw) == 0) return false;
  }
  return true;
}

/// libpqxx expects a blocking connection; without this mode libpq itself may wait for a peer that does not read.
///
/// Entering it flushes in the old mode, without a time-out (libpq, PQsetnonblocking). So it is entered only once the
/// socket is writable: then it takes what a blocking connection holds back, which is less than 8 kB.
/// Blocking: until `deadline`.
class NonblockingScope {
public:
  NonblockingScope(PGconn *raw, Deadline deadline) noexcept
      : raw_{raw}, entered_{await_room(raw, deadline) && PQsetnonblocking(raw, 1) == 0} {}
  ~NonblockingScope() {
    if (entered_) PQsetnonblocking(raw_, 0);
  }
  NonblockingScope(NonblockingScope const &) = delete;
  NonblockingScope &operator=(NonblockingScope const &) = delete;

  [[nodiscard]] bool entered() const noexcept { return entered_; }

private:
  PGconn *raw_;
  bool entered_;
};

/// Sends what is queued. The peer may want to be read before it reads (libpq, PQflush).
bool flush(PGconn *raw, Deadline deadline) noexcept {
  for (;;) {
    auto const left = PQflush(raw);
    if (left <= 0) return left == 0;
    if (deadline.passed() || !wait_for_socket(PQsocket(raw), SocketEvent::either, deadline)) return false;
    if (PQconsumeInput(raw) == 0) return false;
  }
}

/// Waits for more of what the server sends.
bool receive(PGconn *raw, Deadline deadline) noexcept {
  return wait_for_socket(PQsocket(raw), SocketEvent::readable, deadline) && PQconsumeInput(raw) != 0;
}

/// Waits until PQgetResult would not block.
bool await_result(PGconn *raw, Deadline deadline) noexcept {
  while (PQisBusy(raw) != 0) {
    // A server that sends without end would otherwise keep this side reading for as long.
    if (deadline.passed() || !receive(raw, deadline)) return false;
  }
  return true;
}

/// The same for a statement that is being cancelled. A request that overtook its statement found nothing to cancel, so
/// it is repeated, less and less often.
bool await_cancelled_result(PGconn *raw, CancelKey &key, Deadline deadline) noexcept {
  for (std::chrono::milliseconds patience{20}; !deadline.passed(); patience *= 2) {
    if (await_result(raw, earliest(deadline, Deadline::after(patience)))) return true;
    if (PQstatus(raw) != CONNECTION_OK || !key.cancel(deadline)) return false;
  }
  return false;
}

bool skip_copy_out(PGconn *raw, Deadline deadline) noexcept {
  for (;;) {
    char *row = nullptr;
    auto const length = PQgetCopyData(raw, &row, 1);
    PQfreemem(row);
    if (length < 0) return true;  // the end, or an error that the next result tells
    if (deadline.passed() || (length == 0 && !receive(raw, deadline))) return false;
  }
}

bool end_copy_in(PGconn *raw, Deadline deadline) noexcept {
  return PQputCopyEnd(raw, "the lease was released during COPY") == 1 && flush(raw, deadline);
}

/// Deals with what one result asks for before the next one can come.
bool settle_result(PGconn *raw, ExecStatusType status, Deadline deadline) noexcept {
  switch (status) {
  case PGRES_COPY_IN:
    return end_copy_in(raw, deadline);
  case PGRES_COPY_OUT:
    return skip_copy_out(raw, deadline);
  case PGRES_COPY_BOTH:
    return false;  // a replication stream: closing is the way out
  default:
    return !deadline.passed();
  }
}

}  // namespace

namespace {

Reply lost(PGconn *raw) {
  // A connection that is still good has only been too slow.
  std::string reason = PQstatus(raw) == CONNECTION_OK ? "the server did not answer in time" : PQerrorMessage(raw);
  while (reason.ends_with('\n')) reason.pop_back();
  return {.outcome = Reply::Outcome::lost, .message = std::move(reason)};
}

Reply reply_of(PGresult const *result) {
  auto const status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK) return {.outcome = Reply::Outcome::carried_out};
  if (status == PGRES_TUPLES_OK) {
    return {.outcome = Reply::Outcome::carried_out,
            .value = PQntuples(result) == 0 || PQnfields(result) == 0 ? "" : PQgetvalue(result, 0, 0)};
  }
  return {.outcome = Reply::Outcome::refused,
          .message = std::string{error_field(result, PG_DIAG_MESSAGE_PRIMARY)},
          .sqlstate = std::string{error_field(result, PG_DIAG_SQLSTATE)}};
}

/// Sends one command by `send`, and waits for the end of its answer.
template <class Send> Reply converse(PGconn *raw, Send send, Deadline deadline) {
  NonblockingScope const scope{raw, deadline};
  if (!scope.entered() || send() == 0 || !flush(raw, deadline)) return lost(raw);
  Reply reply;
  for (;;) {
    if (!await_result(raw, deadline)) return lost(raw);
    Result const result{PQgetResult(raw)};
    if (!result) return PQstatus(raw) == CONNECTION_OK ? reply : lost(raw);
    reply = reply_of(result.get());
  }
}

}  // namespace

Reply ask(PGconn *raw, char const *sql, Deadline deadline) {
  return converse(raw, [&] { return PQsendQuery(raw, sql); }, deadline);
}

Reply set_parameters(PGconn *raw, std::map<std::string, std::string> const &parameters, Deadline deadline) {
  std::string sql{"SELECT"};
  std::vector<char const *> values;
  for (auto const &[name, value] : parameters) {
    sql += fmt::format("{} pg_catalog.set_config(${}, ${}, false)", values.empty() ? "" : ",", values.size() + 1,
                       values.size() + 2);
    values.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  auto const send = [&] {
    return PQsendQueryParams(raw, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                             nullptr, 0);
  };
  return converse(raw, send, deadline);
}

Reply prepare(PGconn *raw, std::string const &name, std::string const &sql, Deadline deadline) {
  return converse(raw, [&] { return PQsendPrepare(raw, name.c_str(), sql.c_str(), 0, nullptr); }, deadline);
}

bool run_command(PGconn *raw, char const *sql, Deadline deadline) noexcept {
  NonblockingScope const scope{raw, deadline};
  if (!scope.entered() || PQsendQuery(raw, sql) == 0 || !flush(raw, deadline)) return false;
  bool carried_out = false;
  for (;;) {
    if (!await_result(raw, deadline)) return false;
    Result const result{PQgetResult(raw)};
    if (!result) return carried_out && PQstatus(raw) == CONNECTION_OK;
    auto const status = PQresultStatus(result.get());
    carried_out = status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
  }
}

bool finish_reading(PGconn *raw, Deadline deadline) noexcept {
  return await_result(raw, deadline) && Result{PQgetResult(raw)} == nullptr;
}

bool drain(PGconn *raw, Deadline deadline) noexcept {
  if (PQpipelineStatus(raw) != PQ_PIPELINE_OFF) return false;
  // First of all: a server that is busy with its statement may not read what is queued here before that has ended.
  auto const key = CancelKey::make(raw);
  if (!key || !key->cancel(deadline)) return false;
  NonblockingScope const scope{raw, deadline};
  if (!scope.entered()) return false;
  for (;;) {
    if (!flush(raw, deadline) || !await_cancelled_result(raw, *key, deadline)) return false;
    Result const result{PQgetResult(raw)};
    if (!result) return PQstatus(raw) == CONNECTION_OK;
    if (!settle_result(raw, PQresultStatus(result.get()), deadline)) return false;
  }
}

}  // namespace pqlease::detail
