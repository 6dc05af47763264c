#pragma once

#include <pqlease/canceller.hpp>
#include <pqlease/export.hpp>
#include <pqlease/status.hpp>

#include <pqxx/connection>

#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>

namespace pqlease {

namespace detail {
class Manager;
class SessionMark;
class Exit;
}  // namespace detail

/// Scoped, exclusive use of a manager's session by one thread.
///
/// A lease that ends with a transaction in progress has leaked it: the transaction is rolled back and the destructor
/// throws UncommittedTransaction. While an exception is in flight it rolls back, logs, and lets that exception go on.
/// ManagedConnection::with_lease() needs no throwing destructor.
///
/// A `pqxx::work` that is destroyed inside the lease rolls itself back, silently; that is no leak. What leaks is a
/// BEGIN sent by hand, or a transaction object that outlives the lease.
///
/// Thread safety: a lease belongs to one thread at a time; hand it over with std::move and call adopt() over there.
/// Lifetime: keeps the session's state alive if the manager is destroyed first. A standard container, std::optional or
///           a smart pointer must not hold a lease: their destructors are noexcept, so a leak would end the program.
///           (The function of a std::thread cannot: it would not compile. Move the lease out of a reference instead.)
class [[nodiscard]] PQLEASE_API Lease {
public:
  /// Moves from `other`, which becomes empty. The manager still takes the first thread for the holder: see adopt().
  Lease(Lease &&other) noexcept;
  Lease &operator=(Lease &&) = delete;

  /// Releases, as release() does.
  ///
  /// Blocking: at most Options::release_timeout.
  /// Throws: UncommittedTransaction as release() does, never while an exception is in flight.
  ~Lease() noexcept(false);

  /// Whether there is a session behind this lease: false after release(), after a move, and from a try_lease() that
  /// found the lease taken.
  [[nodiscard]] explicit operator bool() const noexcept { return manager_ != nullptr; }

  /// The connection, for the time of this lease; keep no reference to it beyond.
  /// Throws: UsageError when the lease is empty.
  [[nodiscard]] pqxx::connection &operator*() & { return connection(); }
  [[nodiscard]] pqxx::connection *operator->() & { return &connection(); }
  [[nodiscard]] pqxx::connection &connection() &;
  pqxx::connection &operator*() && = delete;
  pqxx::connection *operator->() && = delete;
  pqxx::connection &connection() && = delete;

  /// What the session is doing; Status::closed for an empty lease. No I/O.
  [[nodiscard]] Status status() const noexcept;

  /// The session's epoch; 0 for an empty lease.
  [[nodiscard]] std::uint64_t epoch() const noexcept;

  /// Where this lease was taken.
  [[nodiscard]] std::source_location where() const noexcept { return where_; }

  /// Ends the lease now. On an empty lease it does nothing.
  ///
  /// Blocking: at most Options::release_timeout.
  /// Throws: UncommittedTransaction when something was still in progress; it has been rolled back, the lease is empty
  ///         and the manager works on. Never while an exception thrown since the lease was made is in flight.
  void release();

  /// Ends whatever is in progress: an open transaction, a COPY, an unread result. Does nothing when idle.
  ///
  /// Blocking: at most Options::release_timeout.
  /// Throws: UsageError when the lease is empty or a `pqxx` transaction object is alive (destroy or abort it instead);
  ///         pqxx::broken_connection when the session was lost or had to be closed, which ended the transaction too.
  void rollback();

  /// Lets any thread cancel the statement that this lease is running, until the lease ends: see Canceller. A release
  /// waits for a request that is in flight, at most Options::release_timeout; then the session is closed instead of
  /// handed over.
  ///
  /// Blocking: no.
  /// Throws: UsageError when the lease is empty, or libpq has no cancel key for the session; pqxx::broken_connection
  ///         when the session was lost, or was closed, moved away or swapped by its user.
  [[nodiscard]] Canceller canceller();

  /// The session is closed when this lease ends; the next lease opens another one.
  void close_on_release() noexcept { close_on_release_ = true; }

  /// Makes the calling thread the holder, for a lease that crossed threads.
  void adopt() noexcept;

private:
  friend class ManagedConnection;
  friend class detail::SessionMark;

  Lease(std::shared_ptr<detail::Manager> manager, std::source_location where) noexcept;
  void finish(detail::Exit exit);
  void release_after(std::exception_ptr const &error) noexcept;

  std::shared_ptr<detail::Manager> manager_;
  std::source_location where_;
  int uncaught_{std::uncaught_exceptions()};
  bool close_on_release_{false};
};

}  // namespace pqlease
