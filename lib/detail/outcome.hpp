#pragma once

#include "detail/block_request.hpp"
#include "detail/deadline.hpp"
#include "detail/transaction_mark.hpp"
#include "session/exchange.hpp"

namespace pqlease::detail {

class Manager;

/// What became of a transaction.
enum class Fate {
  committed,
  rolled_back,
  unknown,    ///< nobody will ever say
  undecided,  ///< ask again
};

/// What the answer to fate_question() means. Source: PostgreSQL, chapter "Functions", "Transaction ID and Snapshot
/// Information Functions".
[[nodiscard]] Fate fate_of(Reply const &status) noexcept;

/// Finds out what became of a transaction whose COMMIT was lost, by a lease after the other until the answer is final:
/// the old session's process may still be at it, and the server may be away. The lease is free in between.
///
/// Blocking: until `deadline`, the request's stop token, or the end of the manager.
/// Returns: anything but Fate::undecided.
[[nodiscard]] Fate find_fate(Manager &manager, TransactionMark const &mark, BlockRequest const &request,
                             Deadline deadline);

}  // namespace pqlease::detail
