#pragma once

#include <cstdint>
#include <string>

namespace pqlease::detail {

/// A transaction that is about to commit, and what tells it from one that gets the same id later: a server that
/// recovers without what it had of the transaction, after a crash or as a standby that was behind, gives the id out
/// again. The positions are those of PostgreSQL's type pg_lsn, as text; empty where there is none.
struct TransactionMark {
  std::uint64_t id{0};
  std::string written_to{};    ///< the WAL holds all that it wrote before COMMIT below this position
  std::string recovered_to{};  ///< where the server's last recovery had ended then
  std::string started_at{};    ///< when the server was started, in microseconds; which tells it from another one
};

/// Asks for the mark of the transaction that it is sent in: one row, a column for each member; the id is null when it
/// has none, and everything is text. `with_positions` says whether the server tells them. Source: PostgreSQL, chapter
/// "Functions", "Transaction ID and Snapshot Information Functions"; "Backup Control Functions"; "Recovery Information
/// Functions".
[[nodiscard]] char const *mark_question(bool with_positions) noexcept;

/// Fails where mark_question(true) would: for a user who may not ask, and on servers that have something else in place
/// of a WAL. A standby has no position for now.
[[nodiscard]] char const *positions_question() noexcept;

/// Asks what became of it: "committed", "aborted", "in progress", or null when it is too long ago. One statement, so
/// that one server answers it. A standby says "in progress": it may be behind.
///
/// A recovery that has ended since, and below what the transaction wrote before COMMIT, has lost its COMMIT, too. One
/// that has got further knows the transaction, so that nobody else has its id. That is true of PostgreSQL's own WAL,
/// and of the last recovery only.
[[nodiscard]] std::string fate_question(TransactionMark const &mark);

}  // namespace pqlease::detail
