#pragma once

#include <pqlease/export.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>

namespace pqlease {

/// The root of every error that this library raises itself. Leaves are split by what the caller does next.
/// Errors raised by SQL inside a lease are libpqxx's own and pass through untouched.
class PQLEASE_API Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
  Error(Error const &) = default;
  Error(Error &&) = default;
  Error &operator=(Error const &) = default;
  Error &operator=(Error &&) = default;
  ~Error() override;
};

/// A lease was released with a transaction, a COPY or an unread result in progress, or with a `pqxx` transaction object
/// still alive. An open transaction was not committed; a statement outside of one was cancelled, unless it had
/// finished. Next: commit before the lease ends; the manager itself is fine.
class PQLEASE_API UncommittedTransaction : public Error {
public:
  UncommittedTransaction(std::string const &what, std::source_location lease_taken);

  /// Where the lease that leaked was taken.
  [[nodiscard]] std::source_location where() const noexcept { return lease_taken_; }

private:
  std::source_location lease_taken_;
};

/// The calling thread holds the lease already and asked for another. Next: pass the lease on, or call Lease::adopt().
class PQLEASE_API RecursiveLease : public Error {
public:
  using Error::Error;
};

/// Another lease outlasted the caller's time-out, or left no time to ask whether the session is alive.
/// Next: try again later, or find out who holds it (the message says).
class PQLEASE_API LeaseTimeout : public Error {
public:
  using Error::Error;
};

/// The caller's std::stop_token was triggered while it waited. Next: wind up.
class PQLEASE_API LeaseCancelled : public Error {
public:
  using Error::Error;
};

/// Options::max_waiters threads wait already. Next: shed load.
class PQLEASE_API TooManyWaiters : public Error {
public:
  using Error::Error;
};

/// No session could be opened: by this call, or by an attempt of another thread since it was made, or by the last one,
/// while the manager is down (ReconnectPolicy). What libpq, the server or the callback said is nested
/// (std::rethrow_if_nested); several threads may have the same exception nested.
/// Next: try again after retry_in(), or look at sqlstate().
class PQLEASE_API ConnectionDown : public Error {
public:
  explicit ConnectionDown(std::string const &what, std::string sqlstate = {}, std::chrono::milliseconds retry_in = {});

  /// The SQLSTATE with which the server refused, such as 28P01 (wrong password) or 3D000 (no such database);
  /// empty when no server answered. Source: PostgreSQL, appendix A.
  [[nodiscard]] std::string const &sqlstate() const noexcept { return sqlstate_; }

  /// The time from the throw until the back-off has run out, and the next attempt to open is due; zero when it is due
  /// now, or under way.
  [[nodiscard]] std::chrono::milliseconds retry_in() const noexcept { return retry_in_; }

private:
  std::string sqlstate_;
  std::chrono::milliseconds retry_in_;
};

/// ManagedConnection::shutdown() was called, or the manager is being destroyed. Next: wind up.
class PQLEASE_API ManagerClosed : public Error {
public:
  using Error::Error;
};

/// libpq cannot parse the connection string. The message names the bad word and shows no secret.
class PQLEASE_API InvalidConnectionString : public Error {
public:
  using Error::Error;
};

/// A field of Options, AtomicOptions or BeginOptions is out of its range.
class PQLEASE_API InvalidOption : public Error {
public:
  InvalidOption(std::string option, std::string const &problem, std::string const &of = "Options");

  /// The field's name, such as "probe_timeout".
  [[nodiscard]] std::string const &option() const noexcept { return option_; }

private:
  std::string option_;
};

/// A block was rolled back although nothing was thrown inside it: its transaction had failed, by an error of SQL that
/// was swallowed, or an inner block doomed it, or a COMMIT that was lost was found to be rolled back. Nothing of it is
/// in the database. Next: run it again, or look for the swallowed error.
class PQLEASE_API TransactionAborted : public Error {
public:
  using Error::Error;
};

/// The session was lost while COMMIT was under way, and nobody knows whether it was carried out. Next: look into the
/// database before anything is done again; or use Outcome::resolve.
class PQLEASE_API OutcomeUnknown : public Error {
public:
  explicit OutcomeUnknown(std::string const &what, std::optional<std::uint64_t> transaction_id = {});

  /// For pg_xact_status(); nothing unless the block ran with Outcome::resolve. Source: PostgreSQL, chapter "Functions",
  /// "Transaction ID and Snapshot Information Functions".
  [[nodiscard]] std::optional<std::uint64_t> transaction_id() const noexcept { return transaction_id_; }

private:
  std::optional<std::uint64_t> transaction_id_;
};

/// The library was called in a way that cannot work, such as dereferencing an empty lease.
class PQLEASE_API UsageError : public Error {
public:
  using Error::Error;
};

}  // namespace pqlease
