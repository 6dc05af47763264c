#pragma once

#include "session/pqxx_compat.hpp"

#include <pqxx/connection>

namespace pqlease::detail {

/// The transaction object of an atomic block. It neither begins nor commits: the block does.
///
/// Thread safety: none; only the holder of the lease may touch it.
class BlockTransaction final : public TransactionBase {
public:
  /// Throws: pqxx::usage_error when another transaction object is registered.
  explicit BlockTransaction(pqxx::connection &connection) : TransactionBase{connection} {}
  BlockTransaction(BlockTransaction const &) = delete;
  BlockTransaction &operator=(BlockTransaction const &) = delete;
  ~BlockTransaction() override { end(); }

  /// Whether a stream, a pipeline or a cursor of libpqxx still refers to it (pqxx::transaction_focus): no I/O.
  [[nodiscard]] bool has_focus() noexcept;

  /// Whether its user called abort(), which has rolled back, or commit(), which was refused.
  [[nodiscard]] bool was_aborted() const noexcept { return aborted_; }
  [[nodiscard]] bool was_committed() const noexcept { return commit_refused_; }

  /// Takes it off the connection's books, so that the next transaction can be registered. Sends nothing.
  void end() noexcept;

private:
  void commit_called() override;
  void abort_called() override;

  bool ended_{false};
  bool aborted_{false};
  bool commit_refused_{false};
};

}  // namespace pqlease::detail
