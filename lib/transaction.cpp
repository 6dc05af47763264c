#include <pqlease/transaction.hpp>

#include "detail/atomic_run.hpp"
#include "detail/manager.hpp"
#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <string>
#include <utility>

namespace pqlease {

Transaction::Transaction(std::shared_ptr<detail::Manager> manager, std::source_location where) noexcept
    : manager_{std::move(manager)},
      where_{where},
      ticket_{manager_->blocks().ticket()},
      depth_{manager_->blocks().depth()} {}

// As for a Lease: only exceptions that come later than this count as unwinding.
Transaction::Transaction(Transaction &&other) noexcept
    : manager_{std::move(other.manager_)}, where_{other.where_}, ticket_{other.ticket_}, depth_{other.depth_} {}

Transaction::~Transaction() noexcept(false) {
  if (!*this) return;
  if (std::uncaught_exceptions() > uncaught_) {
    forget();
  } else {
    leak();
  }
}

void Transaction::leak() {
  auto const manager = manager_;
  if (depth_ == 0) return detail::leak_block(*manager);
  forget();
  throw UncommittedTransaction{fmt::format("{}: the block begun at {} ended without commit(); it was rolled back",
                                           manager->name(), detail::describe(where_)),
                               where_};
}

Transaction::operator bool() const noexcept { return manager_ && manager_->blocks().ticket() == ticket_; }

pqxx::transaction_base &Transaction::transaction() & {
  if (!*this) throw UsageError{"the block is over"};
  return manager_->blocks().transaction();
}

void Transaction::require_innermost(char const *what) const {
  if (!*this) throw UsageError{fmt::format("{}: the block begun at {} is over", what, detail::describe(where_))};
  if (manager_->blocks().depth() == depth_) return;
  throw UsageError{fmt::format("{}: a block within the one begun at {} is still open", what, detail::describe(where_))};
}

void Transaction::commit() {
  require_innermost("commit()");
  auto const manager = std::exchange(manager_, nullptr);
  if (depth_ > 0) return manager->blocks().leave();
  auto const end = detail::commit_block(*manager);
  if (end.error) std::rethrow_exception(end.error);
}

void Transaction::rollback() {
  require_innermost("rollback()");
  forget();
}

/// Rolls back this block and what is open in it.
void Transaction::forget() {
  auto const manager = std::exchange(manager_, nullptr);
  auto &blocks = manager->blocks();
  if (depth_ == 0) {
    static_cast<void>(detail::abandon_block(*manager, nullptr));
    return;
  }
  while (blocks.depth() >= depth_) blocks.abandon();
}

void Transaction::on_commit(std::function<void()> callback) {
  if (!*this) throw UsageError{"on_commit(): the block is over"};
  if (!callback) throw UsageError{"on_commit() was given an empty function"};
  manager_->blocks().on_commit(std::move(callback));
}

void Transaction::adopt() noexcept {
  uncaught_ = std::uncaught_exceptions();
  if (manager_) manager_->adopt();
}

}  // namespace pqlease
