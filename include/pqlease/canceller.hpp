#pragma once

#include <pqlease/export.hpp>

#include <chrono>
#include <memory>

namespace pqlease {

namespace detail {
class CancelKey;
}

/// Cancels the statement that one lease is running, from any thread, and never a statement of another lease.
///
/// A cancelled statement fails with SQLSTATE 57014 (a `pqxx::sql_error`) in the thread that holds the lease; the lease
/// goes on, its transaction has failed as after any other error of SQL. As a callback it ends a daemon's work:
/// `std::stop_callback const on_stop{token, lease.canceller()};`, declared after the lease.
///
/// A request reaches the server over a connection of its own and cancels what runs at that moment, if anything. One
/// that comes between two statements does nothing, so that a thread that winds up also looks at its stop token before
/// each statement; who wants a lease to end no matter what calls cancel() again until it returns false.
///
/// What decides is that the server closes the request's connection once it has acted. libpq before 17 takes a
/// connection that something in between has cut for the same; such a request may arrive late after all.
///
/// Thread safety: every member, from any thread; requests of one lease are sent one after the other.
/// Lifetime: copies are cheap. May outlive the lease and its manager: it cancels nothing from the moment on that the
///           lease ends. A lease that is moved takes its cancellers along.
class PQLEASE_API Canceller {
public:
  /// Cancels nothing: what a lease that has ended leaves behind.
  Canceller() noexcept = default;

  /// Asks the server to cancel what the lease is running, and waits until it has done so.
  ///
  /// The request is encrypted as libpq does it: like the session from libpq 17 on, never before that. Source:
  /// PostgreSQL, chapter "libpq", "Canceling Queries in Progress".
  ///
  /// Blocking: at most `timeout`; zero and less leave no time for a request. A request that outlasts it may still hit
  ///           the same lease. The lease's release waits for it; past Options::release_timeout the session is closed.
  /// Returns: whether the server has taken the request, which does not say that it found something to cancel. False
  ///          when the lease has ended, when the server could not be reached in time, or memory ran out.
  // NOLINTNEXTLINE(modernize-use-nodiscard): it is called for what it does
  bool cancel(std::chrono::milliseconds timeout = std::chrono::seconds{5}) const noexcept;

  /// The same, for std::stop_callback: the thread that requests the stop waits at most five seconds for each callback.
  void operator()() const noexcept { static_cast<void>(cancel()); }

private:
  friend class Lease;

  explicit Canceller(std::shared_ptr<detail::CancelKey> key) noexcept;

  std::shared_ptr<detail::CancelKey> key_{};
};

}  // namespace pqlease
