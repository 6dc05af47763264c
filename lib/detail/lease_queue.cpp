#include "detail/lease_queue.hpp"

namespace pqlease::detail {

/// A thread in line. It lives on that thread's stack, and leaves the line before it is gone.
struct LeaseQueue::Waiter {
  std::thread::id thread;
  std::source_location where;
  std::condition_variable wake{};
  bool granted{false};
  bool cancelled{false};
  Waiter *previous{nullptr};
  Waiter *next{nullptr};
};

Answer LeaseQueue::acquire(std::source_location where, Deadline deadline, std::stop_token const &stop) {
  {
    MutexLock const lock{mutex_};
    if (auto const reason = reason_to_refuse(stop)) return refuse(*reason, false);
    if (holder_.thread == std::thread::id{}) {
      grant_to(std::this_thread::get_id(), where);
      return granted();
    }
    if (deadline.passed()) return refuse(Grant::taken, false);
  }
  return wait_in_line(where, deadline, stop);
}

Answer LeaseQueue::wait_in_line(std::source_location where, Deadline deadline, std::stop_token const &stop) {
  auto const asked = std::chrono::steady_clock::now();
  Waiter self{.thread = std::this_thread::get_id(), .where = where};
  // Made before the lock is taken: it may run at once, in this thread, and takes the lock itself.
  std::stop_callback const on_stop{stop, [&] {
                                     MutexLock const lock{mutex_};
                                     self.cancelled = true;
                                     self.wake.notify_one();
                                   }};
  MutexLock lock{mutex_};
  if (auto const reason = reason_to_refuse(stop)) return refuse(*reason, false);
  if (holder_.thread == std::thread::id{}) {
    grant_to(self.thread, where);
    return granted();
  }
  if (max_waiters_ != 0 && waiting_ >= max_waiters_) return refuse(Grant::crowded, false);

  enqueue(self);
  while (!self.granted && !self.cancelled && !is_shut_down() && !deadline.passed()) {
    if (deadline.is_never()) {
      self.wake.wait(lock.native());
    } else {
      self.wake.wait_until(lock.native(), deadline.when());
    }
  }
  // A grant counts even if the time ran out meanwhile: the lease is this thread's already, and must not get lost.
  if (self.granted) {
    auto answer = granted();
    answer.waited = true;
    answer.waited_for = holder_.since - asked;
    return answer;
  }
  dequeue(self);
  if (self.cancelled) return refuse(Grant::cancelled, true);
  return refuse(is_shut_down() ? Grant::shut_down : Grant::taken, true);
}

bool LeaseQueue::release() noexcept {
  MutexLock const lock{mutex_};
  holder_ = Holder{};
  holder_thread_.store({}, std::memory_order_release);
  if (is_shut_down()) return true;
  if (first_ == nullptr) return false;
  auto &next = *first_;
  dequeue(next);
  grant_to(next.thread, next.where);
  next.granted = true;
  next.wake.notify_one();  // under the lock: once it is free, the waiter and its stack may be gone
  return false;
}

void LeaseQueue::adopt() noexcept {
  MutexLock const lock{mutex_};
  holder_.thread = std::this_thread::get_id();
  holder_thread_.store(holder_.thread, std::memory_order_release);
}

bool LeaseQueue::shut_down() noexcept {
  MutexLock const lock{mutex_};
  if (shut_down_.exchange(true, std::memory_order_acq_rel)) return false;
  for (auto *waiter = first_; waiter != nullptr; waiter = waiter->next) waiter->wake.notify_one();
  return holder_.thread == std::thread::id{};
}

Holder LeaseQueue::holder() const noexcept {
  MutexLock const lock{mutex_};
  return holder_;
}

std::size_t LeaseQueue::waiters() const noexcept {
  MutexLock const lock{mutex_};
  return waiting_;
}

std::optional<Grant> LeaseQueue::reason_to_refuse(std::stop_token const &stop) const {
  if (is_shut_down()) return Grant::shut_down;
  if (holder_.thread == std::this_thread::get_id()) return Grant::recursive;
  if (stop.stop_requested()) return Grant::cancelled;
  return std::nullopt;
}

Answer LeaseQueue::granted() const { return {.grant = Grant::granted, .holder = holder_}; }

Answer LeaseQueue::refuse(Grant reason, bool waited) const {
  return {.grant = reason, .waited = waited, .holder = holder_, .waiters = waiting_};
}

void LeaseQueue::grant_to(std::thread::id thread, std::source_location where) {
  holder_ = {.thread = thread, .where = where, .since = std::chrono::steady_clock::now()};
  holder_thread_.store(thread, std::memory_order_release);
}

void LeaseQueue::enqueue(Waiter &waiter) {
  waiter.previous = last_;
  (last_ == nullptr ? first_ : last_->next) = &waiter;
  last_ = &waiter;
  ++waiting_;
}

void LeaseQueue::dequeue(Waiter &waiter) {
  (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
  (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
  --waiting_;
}

}  // namespace pqlease::detail
