#pragma once

#include "detail/deadline.hpp"
#include "session/cancel.hpp"
#include "session/commit.hpp"
#include "session/conninfo.hpp"
#include "session/exchange.hpp"
#include "session/fork_guard.hpp"
#include "session/interrupt.hpp"
#include "session/notification_sink.hpp"
#include <pqlease/options.hpp>
#include <pqlease/status.hpp>

#include <libpq-fe.h>
#include <pqxx/connection>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace pqlease::detail {

/// Whether a session can be handed out.
enum class Liveness {
  alive,   ///< the peer is there, as far as one look can tell
  unsure,  ///< the same, but only a round trip can tell: it said something that nobody asked for
  closed,  ///< there is none, or its user closed it, moved it away or put another one in its place
  lost,    ///< the peer is gone
};

/// At most one PostgreSQL session: a `pqxx::connection` and the libpq handle under it. In a child process made by
/// fork() it is the parent's, and there is none here: closing it then only forgets it.
///
/// Thread safety: none; only the holder of the lease may touch it.
class Session {
public:
  Session() = default;
  ~Session() { close(); }
  Session(Session const &) = delete;
  Session &operator=(Session const &) = delete;

  /// Opens a session that is good for `require`. There must be none. Blocking and Throws: as connect().
  void open(Conninfo const &conninfo, Require require, Deadline deadline, Interrupt const &interrupt);

  /// The connection; there must be one, though it may be closed.
  [[nodiscard]] pqxx::connection &connection() noexcept { return *connection_; }

  /// From libpq's own books: no I/O. Status::unknown for a connection that broke.
  [[nodiscard]] Status status() const noexcept;

  [[nodiscard]] int backend_pid() const noexcept { return backend_pid_; }

  /// Whether the server has reported that the session is read-only: no I/O. As reports_read_only().
  [[nodiscard]] bool is_read_only() const noexcept;

  /// Whether a `pqxx` transaction object refers to the connection: no I/O.
  [[nodiscard]] bool has_registered_transaction() noexcept;

  /// Looks whether the peer is still there: one system call.
  [[nodiscard]] Liveness look() noexcept;

  /// Makes sure by one round trip. Blocking: until `deadline`.
  [[nodiscard]] bool probe(Deadline deadline) noexcept;

  /// Ends a transaction. Blocking: until `deadline`. Returns false if the session is only good for closing.
  [[nodiscard]] bool roll_back(Deadline deadline) noexcept;

  /// Ends a statement, a COPY and unread results, and then a transaction. As roll_back().
  [[nodiscard]] bool drain(Deadline deadline) noexcept;

  /// Sets run-time parameters. As set_parameters(); a session that its user closed or moved away counts as lost.
  [[nodiscard]] Reply set_parameters(std::map<std::string, std::string> const &parameters, Deadline deadline);

  /// Prepares a statement. As detail::prepare(), and as above.
  [[nodiscard]] Reply prepare(std::string const &name, std::string const &sql, Deadline deadline);

  /// Reads what is left of the answer to a statement that its user takes for finished: libpqxx does not ask for more
  /// than the result of a COPY. Blocking: until `deadline`, while the server is at work. Returns whether nothing is in
  /// progress any more; a result or a COPY that nobody has read is.
  [[nodiscard]] bool finish_reading(Deadline deadline) noexcept;

  /// Begins a transaction by this command, BEGIN and what goes with it. Blocking: until the server has answered.
  /// Returns false when it did not; then libpqxx tells why, if it is asked to do the same.
  [[nodiscard]] bool begin(char const *sql) noexcept;

  /// Carries out commands that return no rows. Blocking: until `deadline`. Returns false if the server refused, which
  /// status() tells from a session that is only good for closing.
  [[nodiscard]] bool run(char const *sql, Deadline deadline) noexcept;

  /// Asks for one value. Blocking: until `deadline`. As run() when it fails.
  [[nodiscard]] Reply ask(char const *sql, Deadline deadline);

  /// Whether the server tells positions in its WAL, for mark_question(). The session must be idle. Asks until there is
  /// an answer that lasts. False, too, when the session is lost. Blocking: until `deadline`.
  [[nodiscard]] bool tells_positions(Deadline deadline);

  /// Commits. The status must be in_transaction. Blocking: as send_commit().
  [[nodiscard]] CommitResult commit();

  /// Whether its user has left it in libpq's pipeline mode, in which nothing of the above works.
  [[nodiscard]] bool is_pipelined() const noexcept;

  /// As PQserverVersion has it; 0 without a session.
  [[nodiscard]] int server_version() const noexcept;

  /// Makes the session listen to a channel. What libpqxx takes off the session, when its user asks for notifications,
  /// goes to `late`; everything else to the sink. Blocking: until `deadline`.
  [[nodiscard]] Reply listen(std::string const &channel, LateNotification late, Deadline deadline);

  /// The opposite.
  [[nodiscard]] Reply unlisten(std::string const &channel, Deadline deadline);

  /// Where notifications go that libpq has read; null: nowhere, they stay with libpq.
  void report_to(NotificationSink *sink) noexcept { sink_ = sink; }

  /// Gives to the sink what libpq has read so far. No I/O.
  void collect() noexcept;

  /// The session's socket, to be waited for by anybody; -1 when there is no session, as far as this side knows.
  [[nodiscard]] int socket() const noexcept { return raw_ != nullptr ? socket_ : -1; }

  /// A key of its own to cancel what the session does; null when the session is closed or lost, moved away or swapped
  /// by its user, or libpq has no key for it.
  [[nodiscard]] std::shared_ptr<CancelKey> make_cancel_key() noexcept;

  /// Closes the session, without ever waiting for the peer. Safe to call when there is none.
  void close() noexcept;

  /// Closes the session, and keeps the connection object for as long as the program runs, since a transaction object
  /// still refers to it. When that one is destroyed cannot be known.
  void quarantine() noexcept;

  /// Closes or quarantines, whichever it takes.
  void discard() noexcept { has_registered_transaction() ? quarantine() : close(); }

private:
  [[nodiscard]] bool owns_handle() const noexcept;
  [[nodiscard]] bool forget_inherited() noexcept;
  template <class F> [[nodiscard]] Reply let_libpqxx(F f);
  [[nodiscard]] bool read_unasked() noexcept;
  void take_from_libpq() noexcept;

  std::unique_ptr<pqxx::connection> connection_;
  PGconn *raw_{nullptr};  // owned by connection_; dead as soon as its user closes or replaces that: see owns_handle()
  int backend_pid_{0};
  int socket_{-1};
  std::optional<bool> tells_positions_{};  // nothing: not known for good
  NotificationSink *sink_{nullptr};
  ForkGuard guard_;
};

}  // namespace pqlease::detail
