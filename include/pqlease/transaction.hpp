#pragma once

#include <pqlease/export.hpp>

#include <pqxx/transaction_base>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>

namespace pqlease {

namespace detail {
class Manager;
struct BlockRequest;
}  // namespace detail

/// An atomic block as an object: from ManagedConnection::begin() to commit(), rollback() or its end.
///
/// The outermost one holds the lease; one that was begun within a block is a part of it, with a savepoint of its own.
/// Blocks end in the opposite order of their beginning.
///
/// One that ends by itself was forgotten: it is rolled back, and the destructor throws UncommittedTransaction. While an
/// exception is in flight it rolls back and lets that exception go on. ManagedConnection::atomic() needs no throwing
/// destructor, and can run a block again.
///
/// Thread safety: belongs to one thread at a time; hand it over with std::move and call adopt() over there.
/// Lifetime: keeps the session's state alive if the manager is destroyed first. As a Lease, it must not be held where
///           destructors are noexcept.
class [[nodiscard]] PQLEASE_API Transaction {
public:
  /// Moves from `other`, which becomes empty.
  Transaction(Transaction &&other) noexcept;
  Transaction &operator=(Transaction &&) = delete;

  /// Blocking: at most Options::release_timeout.
  /// Throws: UncommittedTransaction, OutcomeUnknown when the transaction was ended by SQL; never while an exception is
  ///         in flight.
  ~Transaction() noexcept(false);

  /// Whether the block is still open: false after commit(), rollback() and a move, and once the block around it has
  /// ended.
  [[nodiscard]] explicit operator bool() const noexcept;

  /// The transaction, for the time of this block. Its own commit() is refused; its abort() rolls back the outermost
  /// block and all that is in it.
  /// Throws: UsageError when the block is over.
  [[nodiscard]] pqxx::transaction_base &operator*() & { return transaction(); }
  [[nodiscard]] pqxx::transaction_base *operator->() & { return &transaction(); }
  [[nodiscard]] pqxx::transaction_base &transaction() &;
  pqxx::transaction_base &operator*() && = delete;
  pqxx::transaction_base *operator->() && = delete;
  pqxx::transaction_base &transaction() && = delete;

  /// Where it was begun.
  [[nodiscard]] std::source_location where() const noexcept { return where_; }

  /// Commits, or makes a block within another one a part of that. The block is over, whatever comes.
  ///
  /// Blocking: until the server has answered; with Outcome::resolve at most BeginOptions::resolve_timeout longer.
  /// Throws: TransactionAborted, OutcomeUnknown, libpqxx's exceptions as ManagedConnection::atomic() does;
  ///         UncommittedTransaction when a stream or a pipeline is still in progress; UsageError, and nothing has
  ///         happened, when the block is over or one that was begun within it is not.
  void commit();

  /// Rolls back. Never masks anything: where it fails, the session is closed, which rolls back as well.
  ///
  /// Blocking: at most Options::release_timeout.
  /// Throws: UsageError as commit() does.
  void rollback();

  /// Calls this when the outermost block is committed: see ManagedConnection::on_commit().
  void on_commit(std::function<void()> callback);

  /// Makes the calling thread the holder, for a block that crossed threads.
  void adopt() noexcept;

private:
  friend class ManagedConnection;

  Transaction(std::shared_ptr<detail::Manager> manager, std::source_location where) noexcept;
  void require_innermost(char const *what) const;
  void leak();
  void forget();

  std::shared_ptr<detail::Manager> manager_;
  std::source_location where_;
  std::uint64_t ticket_;
  std::size_t depth_;
  int uncaught_{std::uncaught_exceptions()};
};

}  // namespace pqlease
