#include "detail/lease_queue.hpp"

#include <algorithm>
#include <condition_variable>

namespace pqlease::detail {
namespace {

using Clock = Deadline::Clock;

// The looks keep the yields from crowding out the scheduler's other work, the session's among it.
constexpr int looks_before_yield = 300;

}  // namespace

/// A thread in line. It lives on that thread's stack.
struct LeaseQueue::Waiter : Place {
  Waiter(Requester const &requester, Deadline deadline, std::stop_token const &stop)
      : Place{.requester = requester, .deadline = deadline.when()}, stop{stop} {}

  std::stop_token const &stop;
  std::condition_variable wake{};
  unsigned calls_seen{0};
};

[[gnu::hot]] Answer LeaseQueue::acquire(std::source_location where, Deadline deadline, std::stop_token const &stop) {
  Requester const requester{.thread = std::this_thread::get_id(), .where = where};
  {
    MutexLock const lock{mutex_};
    if (auto const at_once = answer_at_once(requester, stop)) return *at_once;
    if (deadline.passed()) return answer(Grant::taken);
  }
  return wait_in_line(requester, deadline, stop);
}

[[gnu::hot]] std::optional<Answer> LeaseQueue::answer_at_once(Requester const &requester, std::stop_token const &stop) {
  if (auto const refusal = line_.refusal(requester.thread)) return answer(*refusal);
  if (stop.stop_requested()) return answer(Grant::cancelled);
  if (line_.take(requester, Clock::now())) return answer(Grant::granted);
  return std::nullopt;
}

Answer LeaseQueue::wait_in_line(Requester const &requester, Deadline deadline, std::stop_token const &stop) {
  auto const asked = Clock::now();
  Waiter self{requester, deadline, stop};
  // Made before the lock is taken: it may run at once, in this thread, and takes the lock itself.
  std::stop_callback const on_stop{stop, [&] {
                                     MutexLock const lock{mutex_};
                                     self.cancelled = true;
                                     self.wake.notify_one();
                                   }};
  MutexLock lock{mutex_};
  if (auto const at_once = answer_at_once(requester, stop)) return *at_once;
  if (!line_.join(self)) return answer(Grant::crowded);
  for (;;) {
    if (auto const grant = line_.consider(self, Clock::now())) {
      if (*grant != Grant::granted) return answer(*grant);
      publish();
      wake(line_.call_ahead());
      return granted(self, asked);
    }
    if (wait(self, lock)) return granted(self, asked);
  }
}

/// Waits for anything that may change the waiter's lot. The lock is free meanwhile.
///
/// Returns: true when the lease is the waiter's; then the lock is free. If it may only be, false, and the lock is held.
bool LeaseQueue::wait(Waiter &waiter, MutexLock &lock) {
  if (auto const overdue = line_.overdue(Clock::now()); overdue && report_overdue_) {
    lock.native().unlock();
    report_overdue_(*overdue);
    lock.native().lock();
  } else if (std::exchange(waiter.calls_seen, waiter.calls) != waiter.calls) {
    waiter.watching = true;
    auto const until = std::min(waiter.deadline, Clock::now() + line_.limits().longest_watch);
    lock.native().unlock();
    if (watch(waiter, until)) return true;
    lock.native().lock();
    waiter.watching = false;
  } else if (auto const until = line_.consider_at(waiter, Clock::now()); until == Clock::time_point::max()) {
    waiter.wake.wait(lock.native());
  } else {
    waiter.wake.wait_until(lock.native(), until);
  }
  return false;
}

/// Stays awake until the lease is free or this thread's, or `until`. On a busy machine a yield may take long, so that
/// the time is looked at after each. Returns whether the lease is this thread's.
bool LeaseQueue::watch(Waiter const &waiter, Clock::time_point until) const noexcept {
  while (!is_shut_down() && !waiter.stop.stop_requested() && Clock::now() < until) {
    for (int looks = 0; looks < looks_before_yield; ++looks) {
      auto const holder = holder_thread();
      if (holder == waiter.requester.thread) return true;
      if (holder == std::thread::id{}) return false;
    }
    std::this_thread::yield();
  }
  return false;
}

/// Needs no lock: who watches must not wait for the releasing thread, which is waking the next in line under it.
Answer LeaseQueue::granted(Waiter const &waiter, Clock::time_point asked) noexcept {
  auto const since = *waiter.granted_at;
  return {.grant = Grant::granted,
          .contended = true,
          .waited = std::max(since - asked, Clock::duration::zero()),  // a release may count from before the request
          .holder = {.thread = waiter.requester.thread, .where = waiter.requester.where, .since = since}};
}

// Published first, so that who watches is off at once. Its place may be gone then, and is not woken.
[[gnu::hot]] Returned LeaseQueue::release(Use use, Clock::time_point now) noexcept {
  MutexLock const lock{mutex_};
  auto const returned = line_.release(use, now);
  publish();
  wake(returned.wake);
  return returned;
}

void LeaseQueue::excuse() noexcept {
  MutexLock const lock{mutex_};
  line_.excuse();
}

void LeaseQueue::end_excuse() noexcept {
  MutexLock const lock{mutex_};
  line_.end_excuse(Clock::now());
}

void LeaseQueue::adopt() noexcept {
  MutexLock const lock{mutex_};
  line_.adopt(std::this_thread::get_id());
  publish();
}

bool LeaseQueue::shut_down() noexcept {
  MutexLock const lock{mutex_};
  bool const alone = line_.shut_down();
  shut_down_.store(true, std::memory_order_release);
  wake_all();
  return alone;
}

Holder LeaseQueue::holder() const noexcept {
  MutexLock const lock{mutex_};
  return line_.holder();
}

std::size_t LeaseQueue::waiters() const noexcept {
  MutexLock const lock{mutex_};
  return line_.waiters();
}

bool LeaseQueue::is_watched() const noexcept {
  MutexLock const lock{mutex_};
  return line_.first() != nullptr && line_.first()->watching;
}

/// With what is known of the holder: the caller itself after a grant, the culprit after a refusal.
[[gnu::hot]] Answer LeaseQueue::answer(Grant grant) {
  publish();
  return {.grant = grant, .holder = line_.holder(), .waiters = line_.waiters()};
}

[[gnu::hot]] void LeaseQueue::publish() noexcept {
  holder_thread_.store(line_.holder().thread, std::memory_order_release);
}

// Under the lock: once it is free, the waiter and its stack may be gone.
void LeaseQueue::wake(Place *place) noexcept {
  if (place != nullptr) static_cast<Waiter *>(place)->wake.notify_one();
}

void LeaseQueue::wake_all() noexcept {
  for (auto *place = line_.first(); place != nullptr; place = place->next) wake(place);
}

}  // namespace pqlease::detail
