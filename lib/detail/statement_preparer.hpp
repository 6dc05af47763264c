#pragma once

#include "detail/deadline.hpp"
#include "detail/log.hpp"
#include "detail/statement_book.hpp"
#include "session/conninfo_source.hpp"
#include "session/session.hpp"

#include <cstddef>
#include <string>

namespace pqlease::detail {

/// Prepares the statements of a book in each session, once, when the first lease is about to be handed out that finds
/// them missing.
///
/// Thread safety: only the holder of the lease may use it; the book has rules of its own.
class StatementPreparer {
public:
  StatementPreparer(StatementBook const &book, ConninfoSource const &source, Log const &log) noexcept
      : book_{book}, source_{source}, log_{log} {}

  /// There is another session, which knows nothing yet.
  void start_afresh() noexcept {
    done_ = 0;
    last_ = nullptr;
  }

  /// Whether there is nothing to do: one load.
  [[nodiscard]] bool is_done() const noexcept { return book_.size() == done_; }

  /// Prepares what is missing. What the server refuses is logged, and left for the next session: one bad statement must
  /// not make every lease fail.
  ///
  /// Blocking: until `deadline`.
  /// Returns: Reply::lost() when the session was lost meanwhile, and is only good for closing.
  [[nodiscard]] Reply prepare(Session &session, Deadline deadline);

private:
  StatementBook const &book_;
  ConninfoSource const &source_;
  Log const &log_;
  std::size_t done_{0};                        // entries that this session was asked to prepare
  StatementBook::Entry const *last_{nullptr};  // the last of them
};

}  // namespace pqlease::detail
