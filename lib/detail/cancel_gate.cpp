#include "detail/cancel_gate.hpp"

namespace pqlease::detail {

bool CancelGate::enter(Deadline deadline) noexcept {
  MutexLock lock{mutex_};
  while ((occupied_ || suspended_) && !closed_ && !deadline.passed()) wait_for_change(lock, deadline);
  if (occupied_ || suspended_ || closed_) return false;
  occupied_ = true;
  return true;
}

void CancelGate::leave(CancelOutcome outcome) noexcept {
  MutexLock const lock{mutex_};
  occupied_ = false;
  if (outcome == CancelOutcome::unknown) unsafe_ = true;
  changed_.notify_all();  // all: who closes the gate waits among those who want in
}

bool CancelGate::suspend(Deadline deadline) noexcept {
  MutexLock lock{mutex_};
  suspended_ = true;
  while (occupied_ && !deadline.passed()) wait_for_change(lock, deadline);
  suspended_ = !occupied_ && !unsafe_;
  if (!suspended_) changed_.notify_all();
  return suspended_;
}

void CancelGate::resume() noexcept {
  MutexLock const lock{mutex_};
  suspended_ = false;
  changed_.notify_all();
}

bool CancelGate::close(Deadline deadline) noexcept {
  MutexLock lock{mutex_};
  closed_ = true;
  changed_.notify_all();
  while (occupied_ && !deadline.passed()) wait_for_change(lock, deadline);
  return !occupied_ && !unsafe_;
}

void CancelGate::wait_for_change(MutexLock &lock, Deadline deadline) {
  if (deadline.is_never()) {
    changed_.wait(lock.native());
  } else {
    changed_.wait_until(lock.native(), deadline.when());
  }
}

}  // namespace pqlease::detail
