#pragma once

#include "detail/block_levels.hpp"
#include "detail/block_request.hpp"
#include "detail/deadline.hpp"
#include "detail/retry_schedule.hpp"
#include "detail/transaction_mark.hpp"
#include "session/block_transaction.hpp"
#include "session/conninfo_source.hpp"
#include "session/session.hpp"
#include <pqlease/options.hpp>

#include <pqxx/transaction_base>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pqlease::detail {

/// How an outermost block's COMMIT went.
enum class CommitEnd {
  committed,     ///< for certain
  rolled_back,   ///< for certain: the error says why
  ended_by_sql,  ///< the transaction was over before the block was: nobody knows how it ended
  leaked,        ///< something is still in progress: the release of the lease deals with it
  in_doubt,      ///< the session was lost
};

struct CommitReport {
  CommitEnd end{CommitEnd::committed};
  std::exception_ptr error{};             ///< of rolled_back and ended_by_sql
  Failure failure{Failure::final};        ///< of rolled_back: what it means for another attempt
  std::optional<TransactionMark> mark{};  ///< of in_doubt; nothing when the transaction has written nothing
};

/// The atomic block that the holder of the lease is in, with the blocks within it.
///
/// The transaction object of a block lives here rather than on the stack, so that one which something still refers to
/// when the block ends can be left alone for good. It takes no memory from one block to the next.
///
/// Thread safety: by the holder of the lease only, but for ticket().
class Blocks {
public:
  /// Lifetime: that of what it refers to.
  Blocks(Session &session, ConninfoSource const &source, Options const &options) noexcept
      : session_{session}, source_{source}, options_{options} {}
  Blocks(Blocks const &) = delete;
  Blocks &operator=(Blocks const &) = delete;

  /// Tells the open outermost block from all others of this manager; 0 when there is none. Any thread.
  [[nodiscard]] std::uint64_t ticket() const noexcept { return ticket_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_open() const noexcept { return ticket() != 0; }

  [[nodiscard]] pqxx::transaction_base &transaction() noexcept { return **transaction_; }
  [[nodiscard]] BlockRequest const &request() const noexcept { return request_; }
  [[nodiscard]] std::size_t depth() const noexcept { return levels_.depth(); }
  void on_commit(BlockLevels::Callback callback) { levels_.on_commit(std::move(callback)); }

  // The outermost block. The lease is held from begin() until after close().

  /// Sends BEGIN; with Outcome::resolve, asks before whether the session tells positions. If this throws, no block is
  /// open.
  ///
  /// Blocking: until the server has answered BEGIN; for the other question, Options::probe_timeout.
  /// Throws: libpqxx's exceptions; UsageError when the server is too old for Outcome::resolve.
  void begin(BlockRequest const &request);

  /// Sends COMMIT if there is something to commit, else ROLLBACK. Blocking: until the server has answered, or the
  /// session is lost. Afterwards close() is all that may be called.
  [[nodiscard]] CommitReport commit() noexcept;

  /// Sends ROLLBACK where it is needed. Blocking: Options::release_timeout. Returns whether the transaction is rolled
  /// back for certain: it is not if it was over already, by SQL.
  [[nodiscard]] bool roll_back() noexcept;

  /// Whether its user has called abort() on the transaction, which is over then.
  [[nodiscard]] bool was_aborted() const noexcept {
    return transaction_ && *transaction_ && (*transaction_)->was_aborted();
  }

  /// Whether the session is lost, and with it the transaction.
  [[nodiscard]] bool is_lost() const noexcept;

  /// Leaves what is in progress to the release of the lease.
  void leave_in_progress() noexcept { end_transaction_object(); }

  /// No block is open any more. Returns what is to be called if it was committed.
  std::vector<BlockLevels::Callback> close() noexcept;

  // The blocks within it.

  /// Throws: libpqxx's exceptions; UsageError when the block is to be durable.
  void enter(BlockRequest const &request);

  /// The innermost one ends normally; it is over even if this throws. Blocking: until the server has answered.
  /// Throws: TransactionAborted when it could only be rolled back; UncommittedTransaction when something in it is still
  ///         in progress; OutcomeUnknown when the transaction was over already, by SQL; libpqxx's exceptions.
  void leave();

  /// It ends by an exception: as little as possible is rolled back. Blocking: Options::release_timeout.
  void abandon() noexcept;

private:
  [[nodiscard]] CommitReport send_commit();
  [[nodiscard]] CommitReport commit_or_throw();
  [[nodiscard]] std::optional<TransactionMark> ask_for_mark();
  [[nodiscard]] CommitReport rolled_back(std::string const &why);
  [[nodiscard]] bool is_in_progress() noexcept;
  [[nodiscard]] bool was_ended_by_sql() const noexcept;
  [[nodiscard]] char const *why_not_committable(Status status) const noexcept;
  void roll_back_level() noexcept;
  void end_transaction_object() noexcept;
  [[nodiscard]] std::string named(std::string const &what) const;

  Session &session_;
  ConninfoSource const &source_;
  Options const &options_;

  // On the heap once for many blocks: see the class.
  std::unique_ptr<std::optional<BlockTransaction>> transaction_{};
  BlockLevels levels_{};
  BlockRequest request_{};
  ReadOnly read_only_{ReadOnly::as_begun};
  bool with_positions_{false};  // for mark_question()
  std::uint64_t tickets_{0};
  std::atomic<std::uint64_t> ticket_{0};
};

}  // namespace pqlease::detail
