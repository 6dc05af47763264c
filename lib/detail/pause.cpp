#include "detail/pause.hpp"

#include <utility>

namespace pqlease::detail {

bool Pause::wait(Deadline deadline, std::stop_token const &stop) {
  MutexLock lock{mutex_};
  while (!ended_ && !stop.stop_requested()) {
    if (deadline.passed()) return true;
    // One round at a time: a predicate would hide from the analysis that the lock is held.
    bool woken = false;
    auto const once = [&] { return std::exchange(woken, true); };
    static_cast<void>(ended_or_stopped_.wait_until(lock.native(), stop, deadline.when(), once));
  }
  return false;
}

void Pause::end() noexcept {
  MutexLock const lock{mutex_};
  ended_ = true;
  ended_or_stopped_.notify_all();
}

}  // namespace pqlease::detail
