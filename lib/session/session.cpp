#include "session/session.hpp"

#include "detail/transaction_mark.hpp"
#include "session/connect.hpp"
#include "session/pqxx_compat.hpp"
#include "session/quarantine.hpp"
#include "session/read_only.hpp"
#include "session/socket.hpp"

#include <pqxx/nontransaction>

#include <string_view>

namespace pqlease::detail {
namespace {

Status status_of(PGTransactionStatusType status) noexcept {
  switch (status) {
  case PQTRANS_IDLE:
    return Status::idle;
  case PQTRANS_ACTIVE:
    return Status::active;
  case PQTRANS_INTRANS:
    return Status::in_transaction;
  case PQTRANS_INERROR:
    return Status::in_error;
  case PQTRANS_UNKNOWN:
    break;
  }
  return Status::unknown;
}

/// Of a function: its user may not call it, it does not exist, or the server does not have what it is about.
bool is_lasting_refusal(std::string_view sqlstate) noexcept {
  return sqlstate == "42501" || sqlstate == "42883" || sqlstate == "0A000";
}

}  // namespace

void Session::open(Conninfo const &conninfo, Require require, Deadline deadline, Interrupt const &interrupt) {
  auto handle = connect(conninfo, require, deadline, interrupt);
  auto *const raw = handle.get();
  auto connection = adopt_handle(raw);
  static_cast<void>(handle.release());  // only now is it libpqxx that closes it
  connection_ = std::make_unique<pqxx::connection>(std::move(connection));
  raw_ = raw;
  backend_pid_ = PQbackendPID(raw);
  socket_ = PQsocket(raw);
  tells_positions_.reset();
  guard_.watch(socket_);
}

// libpq's PQbackendPID says 0 unless the connection is open. Behind some poolers it says so all the time.
[[gnu::hot]] bool Session::owns_handle() const noexcept {
  return connection_ && connection_->backendpid() == backend_pid_ && connection_->sock() == socket_ &&
         (backend_pid_ != 0 || connection_->is_open());
}

[[gnu::hot]] Status Session::status() const noexcept {
  if (!connection_) return Status::closed;
  if (owns_handle()) return status_of(PQtransactionStatus(raw_));
  // libpqxx says "not open" both when its user closed the connection and when it broke; only a broken one has a name.
  bool const broken = !connection_->is_open() && connection_->dbname() != nullptr;
  return broken ? Status::unknown : Status::closed;
}

bool Session::is_read_only() const noexcept { return owns_handle() && reports_read_only(raw_); }

[[gnu::hot]] bool Session::has_registered_transaction() noexcept {
  if (!connection_) return false;
  try {
    pqxx::nontransaction const probe{*connection_};
    return false;
  } catch (...) {
    return true;
  }
}

[[gnu::hot]] Liveness Session::look() noexcept {
  if (!owns_handle()) return status() == Status::unknown ? Liveness::lost : Liveness::closed;
  switch (look_at_socket(socket_)) {
  case SocketLook::quiet:
    return Liveness::alive;
  case SocketLook::unread:
    return read_unasked() ? Liveness::unsure : Liveness::lost;
  case SocketLook::ended:
    break;
  }
  return Liveness::lost;
}

bool Session::probe(Deadline deadline) noexcept { return run("", deadline); }

bool Session::roll_back(Deadline deadline) noexcept { return run("ROLLBACK", deadline) && status() == Status::idle; }

bool Session::drain(Deadline deadline) noexcept {
  if (!owns_handle()) return false;
  bool const drained = detail::drain(raw_, deadline);
  take_from_libpq();
  if (!drained) return false;
  return status() == Status::idle || roll_back(deadline);
}

Reply Session::set_parameters(std::map<std::string, std::string> const &parameters, Deadline deadline) {
  return owns_handle() ? detail::set_parameters(raw_, parameters, deadline) : Reply{};
}

Reply Session::prepare(std::string const &name, std::string const &sql, Deadline deadline) {
  return owns_handle() ? detail::prepare(raw_, name, sql, deadline) : Reply{};
}

bool Session::finish_reading(Deadline deadline) noexcept {
  return owns_handle() && detail::finish_reading(raw_, deadline) && status() != Status::active;
}

bool Session::begin(char const *sql) noexcept {
  return owns_handle() && execute(raw_, sql) && status() == Status::in_transaction;
}

bool Session::run(char const *sql, Deadline deadline) noexcept {
  if (!owns_handle()) return false;
  bool const carried_out = run_command(raw_, sql, deadline);
  take_from_libpq();
  return carried_out;
}

Reply Session::ask(char const *sql, Deadline deadline) {
  if (!owns_handle()) return {};
  auto reply = detail::ask(raw_, sql, deadline);
  take_from_libpq();
  return reply;
}

bool Session::tells_positions(Deadline deadline) {
  if (tells_positions_) return *tells_positions_;
  auto const reply = ask(positions_question(), deadline);
  if (reply.lost() && owns_handle()) cut_socket(socket_);  // a session that is closed is no lost one
  if (reply.carried_out() || is_lasting_refusal(reply.sqlstate)) tells_positions_ = reply.carried_out();
  return reply.carried_out();
}

CommitResult Session::commit() { return send_commit(raw_); }

bool Session::is_pipelined() const noexcept { return owns_handle() && PQpipelineStatus(raw_) != PQ_PIPELINE_OFF; }

int Session::server_version() const noexcept { return owns_handle() ? PQserverVersion(raw_) : 0; }

/// libpq's memory may be in any state here, if another thread was at work on it during the fork; it is left alone.
bool Session::forget_inherited() noexcept {
  if (!guard_.is_inherited()) return false;
  static_cast<void>(connection_.release());
  raw_ = nullptr;
  return true;
}

// Without one from the server libpq 15, for one, would send a request with zeros in it.
std::shared_ptr<CancelKey> Session::make_cancel_key() noexcept {
  return owns_handle() && backend_pid_ != 0 ? CancelKey::make(raw_) : nullptr;
}

void Session::close() noexcept {
  if (!connection_ || forget_inherited()) return;
  collect();
  guard_.forget();
  // An idle session says goodbye; PQfinish on any other could wait for a peer that does not read.
  if (owns_handle() && status() != Status::idle) cut_socket(socket_);
  try {
    connection_->close();
  } catch (...) {
    // libpqxx forgets the handle all the same.
  }
  raw_ = nullptr;  // the object stays, closed, for a lease that still refers to it
}

void Session::quarantine() noexcept {
  if (!connection_ || forget_inherited()) return;
  collect();
  guard_.forget();
  if (owns_handle()) cut_socket(socket_);
  try {
    connection_->close();
  } catch (...) {
    // As in close().
  }
  Quarantine::keep(std::move(connection_));
  raw_ = nullptr;
}

}  // namespace pqlease::detail
