#pragma once

#include <pqlease/atomic_options.hpp>
#include <pqlease/block_body.hpp>
#include <pqlease/export.hpp>
#include <pqlease/lease.hpp>
#include <pqlease/notification.hpp>
#include <pqlease/options.hpp>
#include <pqlease/statistics.hpp>
#include <pqlease/status.hpp>
#include <pqlease/subscription.hpp>
#include <pqlease/transaction.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <iosfwd>
#include <memory>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pqlease {

namespace detail {
struct Patience;
}

/// Owns at most one PostgreSQL session and lends it to one thread at a time.
///
/// The session is opened by the first lease, and opened again by the next lease after it was closed or lost.
///
/// Thread safety: every member, from any thread.
/// Lifetime: leases may outlive the manager; the session is closed when the last of them ends.
/// Fork: in a child process the manager works, with a session of its own, opened by its first lease in a new epoch, and
///       with statistics that start at zero. A lease that the child inherits is as good as lost; nothing that is done
///       to it there reaches the server, and its release does nothing. Source: POSIX, pthread_atfork.
class PQLEASE_API ManagedConnection {
public:
  /// Validates the connection string (PQconninfoParse) and the options; does not connect.
  ///
  /// `conninfo` is a libpq connection string (PostgreSQL, chapter "libpq", "Connection Strings"); empty means libpq's
  /// defaults and environment.
  /// Throws: InvalidConnectionString, InvalidOption.
  explicit ManagedConnection(std::string conninfo, Options options = {});

  /// Asks `conninfo` at every open, for credentials that rotate; it is not asked before the first lease.
  ///
  /// It runs in the thread that opens, with the lease held but no lock, outside any time-out. An empty or invalid
  /// answer is an InvalidConnectionString from that lease; an exception of its own is nested in ConnectionDown.
  /// Throws: InvalidOption; InvalidConnectionString when the function itself is empty.
  explicit ManagedConnection(std::function<std::string()> conninfo, Options options = {});

  ManagedConnection(ManagedConnection const &) = delete;
  ManagedConnection &operator=(ManagedConnection const &) = delete;

  /// As shutdown(), and waits for the thread that makes attempts in the background (ReconnectMode::fail_fast); what
  /// that one is connecting to is given up.
  ///
  /// Blocking: as long as a provider, Options::on_open or a logger needs that runs in that thread.
  ~ManagedConnection();

  /// Waits for exclusive use of the session, opening it first if need be. Leases are granted in order of arrival, but
  /// for some that may pass who is first in line: while that one is not awake yet, one as a rule and never more than
  /// three; where there are atomic blocks among them, those of half a millisecond and one more.
  ///
  /// While the manager is down, Options::reconnect says whether it waits for the next attempt or throws at once.
  ///
  /// Blocking: at most Options::lease_timeout, queue, back-off, opening and probe together; opening alone at most
  ///           Options::connect_timeout.
  /// Throws: LeaseTimeout when another lease outlasts the time-out; ConnectionDown when no session can be opened, or
  ///         the time-out ends while the manager is down; RecursiveLease when this thread already holds the lease;
  ///         TooManyWaiters; ManagerClosed after shutdown().
  [[nodiscard]] Lease lease(std::source_location where = std::source_location::current());

  /// The same; the wait for other leases, for the next attempt and for a server to connect to is given up when `stop`
  /// is triggered. Probing is not, nor are a provider and Options::on_open.
  /// Throws: as lease(), and LeaseCancelled.
  [[nodiscard]] Lease lease(std::stop_token stop, std::source_location where = std::source_location::current());

  /// The same with a time-out of its own. Zero means one attempt without waiting for other leases or for a back-off;
  /// opening and probing then have their own time-outs only. A session that cannot be probed in time counts as dead.
  [[nodiscard]] Lease lease_for(std::chrono::milliseconds timeout,
                                std::source_location where = std::source_location::current());

  /// The same with a deadline of its own.
  [[nodiscard]] Lease lease_until(std::chrono::steady_clock::time_point deadline,
                                  std::source_location where = std::source_location::current());

  /// Takes the lease if nobody else holds it; else returns an empty lease.
  ///
  /// Blocking: not on other leases, nor on a back-off; opening a session takes at most Options::connect_timeout.
  /// Throws: as lease() but for LeaseTimeout and TooManyWaiters.
  [[nodiscard]] Lease try_lease(std::source_location where = std::source_location::current());

  /// Calls `f` with the connection under a lease, and returns what it returns once the lease is released.
  ///
  /// When `f` throws, its transaction is rolled back and the exception passes through; if the exception says that the
  /// session is of no more use (a broken connection, SQLSTATE class 08, 57P01 to 57P03), the session is closed.
  /// Blocking, Throws: as lease(); whatever `f` throws; UncommittedTransaction when `f` returns with a transaction in
  ///                   progress.
  template <class F>
    requires std::is_invocable_v<F, pqxx::connection &>
  decltype(auto) with_lease(F &&f, std::source_location where = std::source_location::current());

  /// Has every session know a prepared statement, so that each lease can run `pqxx::prepped{name}`.
  ///
  /// The statement is prepared in each epoch by the first lease that finds it missing, one round trip, at most
  /// Options::connect_timeout; a lease that is in use at the time of the call does not know it yet. One that the server
  /// refuses, because the name is taken in the session or a table is not there yet, costs no lease: it is logged as a
  /// warning, and tried again in the next epoch. What ends a prepared statement by hand (DEALLOCATE, DISCARD) ends it
  /// for the epoch.
  ///
  /// Blocking: never. The same name with the same statement again does nothing.
  /// Throws: UsageError for the same name with another statement, for an empty name, and for a NUL character; with
  ///         Pooling::transaction.
  void prepare(std::string name, std::string sql);

  /// Runs `f` as one transaction: takes the lease, begins, calls `f`, commits when it returns and rolls back when it
  /// throws. Returns what `f` returns.
  ///
  /// In a thread that is inside a block of this manager already, the block is nested: a savepoint, or with
  /// `savepoint = false` a part of the block around it. Then the lease and the transaction are that one's, and `retry`
  /// and `durable` are refused. `isolation`, `deferrable` and `access = read_write` are those of the transaction as a
  /// whole; the server refuses them within a savepoint, and once a query has run.
  ///
  /// `f` is called once for each attempt that the RetryPolicy allows. COMMIT and ROLLBACK are not its to send.
  /// Blocking: for the lease as lease(), AtomicOptions::lease_timeout; `f` and COMMIT for as long as the server takes;
  ///           between attempts as the policy says, with the lease free; at most Options::release_timeout to roll back.
  /// Throws: as lease(); whatever `f` throws; libpqxx's exceptions when the server refuses BEGIN or COMMIT;
  ///         TransactionAborted when the transaction had failed unnoticed; OutcomeUnknown when the session was lost
  ///         during COMMIT; UncommittedTransaction when `f` has left a stream or a pipeline in progress; UsageError for
  ///         what a nested block cannot do; InvalidOption.
  template <class F>
    requires std::is_invocable_v<F &, pqxx::transaction_base &>
  decltype(auto) atomic(AtomicOptions const &options, F &&f,
                        std::source_location where = std::source_location::current());

  /// The same with the default options.
  template <class F>
    requires std::is_invocable_v<F &, pqxx::transaction_base &>
  decltype(auto) atomic(F &&f, std::source_location where = std::source_location::current());

  /// The same as an object: begins, and leaves the end to the caller.
  ///
  /// Blocking, Throws: as lease(); libpqxx's exceptions when the server refuses BEGIN; UsageError; InvalidOption.
  [[nodiscard]] Transaction begin(BeginOptions const &options = {},
                                  std::source_location where = std::source_location::current());

  /// Calls `callback` once the outermost block that this thread is in has been committed, and the lease is free: it may
  /// use the manager. Callbacks run in order, in this thread. One whose block or savepoint is rolled back is dropped.
  /// An exception from one is logged; the others run all the same. Throws: UsageError outside of a block.
  void on_commit(std::function<void()> callback);

  /// What the session is doing; Status::leased when another thread holds the lease. Never blocks. A thread that has
  /// moved its lease to another one still counts as its holder, and must not ask, until that one has called adopt().
  [[nodiscard]] Status status() const noexcept;

  /// Whether there is a session, as far as this side knows. Never blocks.
  [[nodiscard]] bool is_open() const noexcept;

  /// How often a session was opened; what depends on a session is valid for one epoch. Never blocks.
  [[nodiscard]] std::uint64_t epoch() const noexcept;

  /// A snapshot of the counters. Never blocks.
  [[nodiscard]] Statistics statistics() const noexcept;

  /// The connection string with every secret masked as `***`. From a provider: the last one it gave.
  [[nodiscard]] std::string conninfo() const;

  /// Closes the session; the next lease opens another one. While the manager is down there is none to close: then the
  /// outage is forgotten, the next lease makes an attempt at once, and so does who waits for one. While some handler
  /// listens (listen()), another session is opened at once.
  ///
  /// Blocking: until the lease is free, without a time-out.
  /// Throws: RecursiveLease when this thread holds the lease (see Lease::close_on_release()); TooManyWaiters;
  ///         ManagerClosed.
  void close(std::source_location where = std::source_location::current());

  /// Calls `handler` with each notification on this channel, as long as the subscription lives. Once this has returned,
  /// what anybody sends on the channel is delivered: in order, once, outside the lease and with no lock held, by one
  /// thread of the manager's that runs all handlers one after the other. So a handler may use the manager; a slow one
  /// delays other handlers, and no lease. What arrives during somebody's lease is delivered when that ends. Several
  /// handlers of a channel run in the order in which they came. What a handler throws is logged.
  ///
  /// When the session was lost, the thread opens another one, listens again, and tells each handler by a gap
  /// (Notification::is_gap()) that it may have missed something. The same if LISTEN could not be sent at once, since no
  /// session could be opened, the lease was not free in time or is in a transaction of this thread, or the server
  /// refuses it, as a standby does: this returns all the same, the thread goes on trying, and the first thing that the
  /// handler gets is a gap.
  ///
  /// The name is taken as it is: `listen("Upper")` hears `NOTIFY "Upper"`.
  ///
  /// Blocking: as lease(), and one round trip for the first handler of a channel.
  /// Lifetime: no handler runs after shutdown().
  /// Throws: UsageError for a channel's name that is empty, longer than 63 bytes or has a zero byte, for an empty
  ///         handler, and with Pooling::transaction; ManagerClosed; std::system_error when there is no thread to be
  ///         had.
  [[nodiscard]] Subscription listen(std::string channel, std::function<void(Notification const &)> handler);

  /// Sends a notification to all who listen to the channel, this manager's handlers among them, by a lease of its own:
  /// `SELECT pg_notify(channel, payload)`. Inside an atomic block of this thread it is part of the block, and sent when
  /// that commits.
  ///
  /// Blocking, Throws: as lease(); UsageError for the channel's name, as listen(), and for a payload with a zero byte;
  ///                   pqxx::sql_error from the server, as for a payload of 8000 bytes and more.
  void notify(std::string_view channel, std::string_view payload = {},
              std::source_location where = std::source_location::current());

  /// Calls `callback` each time after a session was opened that is not the first one: outside the lease, in the thread
  /// that runs the handlers of notifications, and before these learn of the gap. Sessions that follow each other
  /// quickly may count as one. What it throws is logged.
  ///
  /// Blocking: no.
  /// Throws: UsageError for an empty callback; ManagerClosed; std::system_error when there is no thread to be had.
  [[nodiscard]] Subscription on_reopen(std::function<void()> callback);

  /// Ends the manager for good: waiters, who waits for a server to connect to among them, and later callers get
  /// ManagerClosed. Does not wait for a lease in use; its session is closed when it ends.
  ///
  /// Blocking: with a subscription, until a handler that is running has returned; not when called by a handler.
  void shutdown() noexcept;

private:
  static Lease take(std::shared_ptr<detail::Manager> manager, std::source_location where,
                    detail::Patience const &patience, std::stop_token const &stop);

  static AtomicOptions const &default_atomic_options() noexcept;
  void run(AtomicOptions const &options, detail::BlockBody const &body, std::source_location where);

  std::shared_ptr<detail::Manager> manager_;
};

/// Prints as `<ManagedConnection: postgres:///postgres (closed)>`, secrets masked. Never blocks.
PQLEASE_API std::ostream &operator<<(std::ostream &out, ManagedConnection const &manager);

template <class F>
  requires std::is_invocable_v<F, pqxx::connection &>
decltype(auto) ManagedConnection::with_lease(F &&f, std::source_location where) {
  using Result = std::invoke_result_t<F, pqxx::connection &>;
  auto lease = this->lease(where);
  auto call = [&]() -> Result {
    try {
      return std::invoke(std::forward<F>(f), *lease);
    } catch (...) {
      lease.release_after(std::current_exception());
      throw;
    }
  };
  if constexpr (std::is_void_v<Result>) {
    call();
    lease.release();
  } else {
    Result result = call();  // NOLINT(misc-const-correctness): it is moved from
    lease.release();
    if constexpr (std::is_reference_v<Result>) {
      return static_cast<Result>(result);  // NOLINT(readability-redundant-casting): not for an rvalue reference
    } else {
      return result;
    }
  }
}

template <class F>
  requires std::is_invocable_v<F &, pqxx::transaction_base &>
// NOLINTNEXTLINE(cppcoreguidelines-missing-std-forward): it may be called more than once
decltype(auto) ManagedConnection::atomic(AtomicOptions const &options, F &&f, std::source_location where) {
  detail::BlockResult<std::invoke_result_t<F &, pqxx::transaction_base &>> result;
  auto body = [&](pqxx::transaction_base &transaction) { result.set(f, transaction); };
  run(options, detail::BlockBody{body}, where);
  return std::move(result).get();
}

template <class F>
  requires std::is_invocable_v<F &, pqxx::transaction_base &>
decltype(auto) ManagedConnection::atomic(F &&f, std::source_location where) {
  return atomic(default_atomic_options(), std::forward<F>(f), where);
}

}  // namespace pqlease
