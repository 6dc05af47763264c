#pragma once

#include "detail/deadline.hpp"
#include "detail/mutex.hpp"

#include <condition_variable>
#include <stop_token>

namespace pqlease::detail {

/// Lets threads wait for a point in time, and wakes all of them when there is nothing to wait for any more.
///
/// Thread safety: every member, from any thread.
class Pause {
public:
  /// Blocking: until `deadline`, `stop` or end().
  /// Returns: whether the time has come; false when something else ended the wait.
  [[nodiscard]] bool wait(Deadline deadline, std::stop_token const &stop);

  /// From now on nobody waits.
  void end() noexcept;

private:
  // Guards ended_. Forbidden under it: everything but waiting.
  Mutex mutex_;
  std::condition_variable_any ended_or_stopped_;
  bool ended_ PQLEASE_GUARDED_BY(mutex_){false};
};

}  // namespace pqlease::detail
