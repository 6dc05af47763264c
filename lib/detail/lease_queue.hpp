#pragma once

#include "detail/deadline.hpp"
#include "detail/mutex.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <optional>
#include <source_location>
#include <stop_token>
#include <thread>

namespace pqlease::detail {

/// Who uses the session.
struct Holder {
  std::thread::id thread;  ///< the default id when nobody does
  std::source_location where;
  std::chrono::steady_clock::time_point since;
};

/// How a request for the lease ended.
enum class Grant {
  granted,    ///< the caller is the holder now
  taken,      ///< somebody else holds it, and the deadline has passed
  cancelled,  ///< the stop token was triggered
  crowded,    ///< as many threads wait as may
  recursive,  ///< the caller holds it already
  shut_down,  ///< the queue is closed for good
};

/// The queue's answer, with the state that goes with it; for a refusal, the one that caused it.
struct Answer {
  Grant grant{Grant::granted};
  bool waited{false};
  Holder holder{};  ///< for a grant, the caller
  std::size_t waiters{0};
  std::chrono::steady_clock::duration waited_for{};  ///< until the grant; zero when it did not wait
};

/// Decides who may use the session next: strictly in order of arrival. Knows neither libpq nor logging.
///
/// Thread safety: every member, from any thread, but for those that say "by the holder".
class LeaseQueue {
public:
  /// `max_waiters`: how many threads may wait; 0 for no bound.
  explicit LeaseQueue(std::size_t max_waiters) noexcept : max_waiters_{max_waiters} {}
  LeaseQueue(LeaseQueue const &) = delete;
  LeaseQueue &operator=(LeaseQueue const &) = delete;

  /// Blocking: until `deadline`, or until `stop` is triggered. Allocates nothing when the lease is free.
  [[nodiscard]] Answer acquire(std::source_location where, Deadline deadline, std::stop_token const &stop);

  /// By the holder: the lease goes to the longest waiter. Returns true when the queue was shut down meanwhile: then the
  /// caller stays the only one who may use the session.
  [[nodiscard]] bool release() noexcept;

  /// The calling thread becomes the holder.
  void adopt() noexcept;

  /// Refuses every waiter and every later request. Returns true when nobody held the lease, and only once: then the
  /// caller is the only one who may use the session.
  [[nodiscard]] bool shut_down() noexcept;

  [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_.load(std::memory_order_acquire); }

  /// The thread that holds the lease, or the default id. Never blocks.
  [[nodiscard]] std::thread::id holder_thread() const noexcept {
    return holder_thread_.load(std::memory_order_acquire);
  }

  /// By the holder: what is known about it.
  [[nodiscard]] Holder holder() const noexcept;

  /// How many threads wait.
  [[nodiscard]] std::size_t waiters() const noexcept;

private:
  struct Waiter;

  [[nodiscard]] std::optional<Grant> reason_to_refuse(std::stop_token const &stop) const PQLEASE_REQUIRES(mutex_);
  [[nodiscard]] Answer granted() const PQLEASE_REQUIRES(mutex_);
  [[nodiscard]] Answer refuse(Grant reason, bool waited) const PQLEASE_REQUIRES(mutex_);
  void grant_to(std::thread::id thread, std::source_location where) PQLEASE_REQUIRES(mutex_);
  void enqueue(Waiter &waiter) PQLEASE_REQUIRES(mutex_);
  void dequeue(Waiter &waiter) PQLEASE_REQUIRES(mutex_);
  [[nodiscard]] Answer wait_in_line(std::source_location where, Deadline deadline, std::stop_token const &stop);

  std::size_t const max_waiters_;

  // Guards the queue's own state. Forbidden under it: I/O, logging, callbacks, allocation.
  mutable Mutex mutex_;
  Holder holder_ PQLEASE_GUARDED_BY(mutex_){};
  Waiter *first_ PQLEASE_GUARDED_BY(mutex_){nullptr};
  Waiter *last_ PQLEASE_GUARDED_BY(mutex_){nullptr};
  std::size_t waiting_ PQLEASE_GUARDED_BY(mutex_){0};

  // Written under mutex_, read without it.
  std::atomic<std::thread::id> holder_thread_{};
  std::atomic<bool> shut_down_{false};
};

}  // namespace pqlease::detail
