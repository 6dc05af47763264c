#include "detail/statement_preparer.hpp"

#include <spdlog/fmt/fmt.h>

namespace pqlease::detail {

Reply StatementPreparer::prepare(Session &session, Deadline deadline) {
  for (auto const until = book_.size(); done_ < until;) {
    auto const *const entry = last_ == nullptr ? book_.first() : last_->next.load(std::memory_order_acquire);
    auto reply = session.prepare(entry->name, entry->sql, deadline);
    if (reply.lost()) return reply;
    if (!reply.carried_out()) {
      log_.write(Severity::warning, fmt::format("{}: the statement \"{}\" could not be prepared: {} ({})",
                                                source_.masked(), entry->name, reply.message, reply.sqlstate));
    }
    last_ = entry;
    ++done_;
  }
  return {.outcome = Reply::Outcome::carried_out};
}

}  // namespace pqlease::detail
