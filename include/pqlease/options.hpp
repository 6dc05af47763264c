#pragma once

#include <pqlease/export.hpp>
#include <pqlease/reconnect_policy.hpp>

#include <pqxx/connection>
#include <spdlog/fwd.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace pqlease {

/// What a session must be good for.
enum class Require {
  anything,  ///< whatever server answers
  writable,  ///< neither a standby nor read-only by default, as the server reports both (libpq, PQparameterStatus)
};

/// What stands between the manager and the server.
enum class Pooling {
  none,         ///< nothing; or a pooler that gives each client a session of its own (PgBouncer's pool_mode=session)
  transaction,  ///< a pooler that gives each transaction another session (pool_mode=transaction)
};

/// How a manager behaves. An aggregate for designated initialisers; a value out of range is an InvalidOption when the
/// manager is made. Every duration is at most 24 hours.
struct Options {
  /// To open the session, all hosts of the connection string together: each host that is tried may take an equal share
  /// of what is left, so that one that hangs leaves time for the others. A connect_timeout in the string has no effect.
  /// Range: from 1 ms. The system's name resolver (getaddrinfo) is outside its reach.
  std::chrono::milliseconds connect_timeout{10'000};

  /// How long lease() waits, queue, back-off, opening and probe together. 0: for ever, but one failed attempt ends it.
  std::chrono::milliseconds lease_timeout{0};

  /// How many threads may wait for the lease; one more gets TooManyWaiters. 0: no bound.
  std::size_t max_waiters{0};

  /// A session that was idle for longer gets one round trip before it is handed out. 0: at every lease. A lease's
  /// deadline that ends the round trip ends the session too, since its answer is still to come.
  std::chrono::milliseconds idle_probe_after{500};

  /// How long that round trip may take before the session counts as dead; and the one of the kind that Outcome::resolve
  /// needs once in each session. Range: from 1 ms.
  std::chrono::milliseconds probe_timeout{2'000};

  /// How long a release may take to roll back or to drain; past it the session is closed. 0: it is closed at once.
  std::chrono::milliseconds release_timeout{5'000};

  /// A lease that is held for longer, while others wait, is logged as a warning, once, with its holder; another line
  /// tells when it has come back. It is the waiters who notice, so that a lease that nobody waits for is never
  /// reported. 0: off.
  std::chrono::milliseconds hold_warning{0};

  /// When to try again after the session could not be opened.
  ReconnectPolicy reconnect{};

  /// Run-time parameters of every session, set before on_open runs: {"search_path", "app, public"}. A value that the
  /// server refuses makes the open fail. Source: PostgreSQL, chapter "Server Configuration", "Setting Parameters".
  std::map<std::string, std::string> session_parameters{};

  /// What the session must be good for. With Require::writable a host that cannot be written to counts as one that
  /// refuses, and a session that turned read-only is replaced before the next lease. The target_session_attrs of the
  /// connection string then count as read-write; one that asks for a standby is never fulfilled. A server before
  /// PostgreSQL 14 reports no change: it is asked once, when the session is opened.
  Require require{Require::anything};

  /// What the connection string leads to. With Pooling::transaction, what a session would have to remember from one
  /// transaction to the next is refused rather than lost: session_parameters is an InvalidOption; SessionState,
  /// ManagedConnection::prepare() and listen() throw UsageError. What SQL sets by itself, in on_open or later, is not
  /// seen; it would reach the transactions of others.
  Pooling pooling{Pooling::none};

  /// Session setup, run once for every session before anyone gets it. Runs in the thread that opens, with the lease
  /// held but no lock, outside any time-out; it must leave no transaction open. If it throws, the session is closed and
  /// the lease fails with ConnectionDown, the exception nested. Empty: nothing to set up.
  std::function<void(pqxx::connection &)> on_open{};

  /// Where to log. Null: the registered logger "pqlease" if there is one, else spdlog's default logger.
  std::shared_ptr<spdlog::logger> logger{};
};

/// Throws InvalidOption that names the first field out of its range. A manager calls it; it is public so that a
/// program can check its configuration early.
PQLEASE_API void validate(Options const &options);

}  // namespace pqlease
