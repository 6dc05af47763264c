#pragma once

#include "detail/deadline.hpp"
#include "detail/lease_line.hpp"
#include "detail/mutex.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <source_location>
#include <stop_token>
#include <thread>
#include <utility>

namespace pqlease::detail {

/// The queue's answer, with the state that goes with it; for a refusal, the one that caused it.
struct Answer {
  Grant grant{Grant::granted};
  bool contended{false};               ///< whether it had to wait; of a grant only
  std::chrono::nanoseconds waited{0};  ///< for how long; of a grant only
  Holder holder{};                     ///< for a grant, the caller
  std::size_t waiters{0};              ///< of a refusal
};

/// A LeaseLine that threads wait in. Knows neither libpq nor logging.
///
/// Thread safety: every member, from any thread, but for those that say "by the holder".
class LeaseQueue {
public:
  /// Is told of a lease that has lasted for too long, once, by a thread that waits for it; no lock is held. It must not
  /// throw.
  using OverdueReport = std::function<void(Overdue const &)>;

  explicit LeaseQueue(LineLimits limits, OverdueReport report = {})
      : report_overdue_{std::move(report)}, line_{limits} {}
  LeaseQueue(LeaseQueue const &) = delete;
  LeaseQueue &operator=(LeaseQueue const &) = delete;

  /// Blocking: until `deadline`, or until `stop` is triggered. Allocates nothing when the lease is free.
  [[nodiscard]] Answer acquire(std::source_location where, Deadline deadline, std::stop_token const &stop);

  /// By the holder, at `now`: the lease that was used for `use` is the next one's. When the answer says that the queue
  /// was shut down meanwhile, the caller stays the only one who may use the session.
  Returned release(Use use = Use::plain, Deadline::Clock::time_point now = Deadline::Clock::now()) noexcept;

  // By the holder: between these two it only waits for the server, and nobody reports it as overdue.
  void excuse() noexcept;
  void end_excuse() noexcept;

  /// The calling thread becomes the holder.
  void adopt() noexcept;

  /// Refuses every waiter and every later request. Returns true when nobody held the lease, and only once: then the
  /// caller is the only one who may use the session.
  [[nodiscard]] bool shut_down() noexcept;

  /// In a child process, where the lock may be held for ever: nothing of this queue will be used any more.
  void abandon() noexcept { shut_down_.store(true, std::memory_order_release); }

  [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_.load(std::memory_order_acquire); }

  /// The thread that holds the lease, or the default id. Never blocks.
  [[nodiscard]] std::thread::id holder_thread() const noexcept {
    return holder_thread_.load(std::memory_order_acquire);
  }

  /// What is known about the holder.
  [[nodiscard]] Holder holder() const noexcept;

  /// How many threads wait.
  [[nodiscard]] std::size_t waiters() const noexcept;

  /// Whether the first in line is awake, and sees for itself when the lease comes back.
  [[nodiscard]] bool is_watched() const noexcept;

private:
  struct Waiter;

  [[nodiscard]] std::optional<Answer> answer_at_once(Requester const &requester, std::stop_token const &stop)
      PQLEASE_REQUIRES(mutex_);
  [[nodiscard]] Answer answer(Grant grant) PQLEASE_REQUIRES(mutex_);
  void publish() noexcept PQLEASE_REQUIRES(mutex_);
  static void wake(Place *place) noexcept;
  void wake_all() noexcept PQLEASE_REQUIRES(mutex_);
  [[nodiscard]] Answer wait_in_line(Requester const &requester, Deadline deadline, std::stop_token const &stop);
  [[nodiscard]] bool wait(Waiter &waiter, MutexLock &lock) PQLEASE_REQUIRES(mutex_);
  [[nodiscard]] bool watch(Waiter const &waiter, Deadline::Clock::time_point until) const noexcept;
  [[nodiscard]] static Answer granted(Waiter const &waiter, Deadline::Clock::time_point asked) noexcept;

  OverdueReport const report_overdue_;

  // Guards the line and the waiters in it. Forbidden under it: I/O, logging, callbacks, allocation.
  mutable Mutex mutex_;
  LeaseLine line_ PQLEASE_GUARDED_BY(mutex_);

  // Copies of what line_ says, written under mutex_ and read without it. Who watches learns by the first one that it is
  // the holder: whatever the last holder has done is ordered before by release and acquire.
  std::atomic<std::thread::id> holder_thread_{};
  std::atomic<bool> shut_down_{false};
};

}  // namespace pqlease::detail
