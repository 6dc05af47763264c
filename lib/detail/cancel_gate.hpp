#pragma once

#include "detail/deadline.hpp"
#include "detail/mutex.hpp"

#include <condition_variable>

namespace pqlease::detail {

/// What is left of a cancel request when nobody attends to it any more.
enum class CancelOutcome {
  taken,     ///< the server has acted on it
  not_sent,  ///< it never left, and never will
  unknown,   ///< it left, and the server may still act on it
};

/// Decides who may cancel what a lease runs, and when: one request at a time, and none once the lease has ended. Knows
/// nothing of libpq.
///
/// Thread safety: every member, from any thread.
class CancelGate {
public:
  /// Admits the caller, who must leave(). Returns false when the gate is closed, or the one inside outlasts `deadline`.
  /// Blocking: until `deadline`.
  [[nodiscard]] bool enter(Deadline deadline) noexcept;

  /// By the one inside, from whatever thread.
  void leave(CancelOutcome outcome) noexcept;

  /// By the holder of the lease: keeps requests waiting while the session does what none may disturb, and goes before
  /// those that wait already.
  ///
  /// Blocking: until `deadline`, for the one inside.
  /// Returns: whether no request can arrive at the server until resume(), which has to follow then, and only then.
  [[nodiscard]] bool suspend(Deadline deadline) noexcept;
  void resume() noexcept;

  /// Admits nobody from now on, and waits for the one inside.
  ///
  /// Blocking: until `deadline`.
  /// Returns: whether no request can arrive at the server any more.
  [[nodiscard]] bool close(Deadline deadline) noexcept;

private:
  void wait_for_change(MutexLock &lock, Deadline deadline) PQLEASE_REQUIRES(mutex_);

  // Guards the members below. Forbidden under it: I/O, callbacks, allocation.
  Mutex mutex_;
  std::condition_variable changed_;
  bool occupied_ PQLEASE_GUARDED_BY(mutex_){false};   ///< a request is in flight
  bool suspended_ PQLEASE_GUARDED_BY(mutex_){false};  ///< the next one has to wait, even if none is
  bool closed_ PQLEASE_GUARDED_BY(mutex_){false};     ///< for good: the lease has ended
  bool unsafe_ PQLEASE_GUARDED_BY(mutex_){false};     ///< a request may arrive late, whoever is inside
};

}  // namespace pqlease::detail
