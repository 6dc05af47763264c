#include <pqlease/session_state.hpp>

#include "detail/manager.hpp"
#include <pqlease/errors.hpp>

namespace pqlease::detail {
namespace {

bool is_in_progress(Status status) noexcept {
  return status == Status::active || status == Status::in_transaction || status == Status::in_error;
}

bool is_lost(Status status) noexcept { return status == Status::closed || status == Status::unknown; }

}  // namespace

bool SessionMark::is_of(Lease const &lease) const {
  if (!lease) throw UsageError{"an empty lease has no session that a SessionState could belong to"};
  auto const &manager = *lease.manager_;
  manager.require_lasting_session("a SessionState");
  if (manager_ != 0 && manager_ != manager.lineage()) {
    throw UsageError{manager.name() + ": this SessionState belongs to the session of another manager"};
  }
  return epoch_ != 0 && epoch_ == manager.epoch() && !is_lost(lease.status());
}

void SessionMark::begin(Lease const &lease) {
  if (is_in_progress(lease.status())) {
    throw UsageError{lease.manager_->name() +
                     ": a SessionState is not made in the midst of a transaction, which could undo it"};
  }
  forget();
}

void SessionMark::finish(Lease const &lease) {
  auto const &manager = *lease.manager_;
  if (is_in_progress(lease.status())) {
    throw UsageError{manager.name() + ": the factory of a SessionState has left something in progress"};
  }
  manager_ = manager.lineage();
  epoch_ = manager.epoch();
}

}  // namespace pqlease::detail
