#include "detail/shared_outage.hpp"

#include <algorithm>
#include <utility>

namespace pqlease::detail {

Turn SharedOutage::await_turn(OutageTicket asked, Deadline deadline, std::stop_token const &stop) {
  if (!is_on()) return Turn::attempt;
  // Made before the lock is taken: it may run at once, in this thread, and takes the lock itself.
  std::stop_callback const on_stop{stop, [&] {
                                     MutexLock const lock{mutex_};
                                     changed_.notify_all();
                                   }};
  MutexLock lock{mutex_};
  for (;;) {
    if (shut_down_) return Turn::shut_down;
    if (stop.stop_requested()) return Turn::cancelled;
    auto const now = Clock::now();
    auto const next = outage_.next_for_lease(asked.failures_ever(), now);
    if (next == NextStep::attempt) return Turn::attempt;
    if (next == NextStep::give_up || now >= deadline.when()) return Turn::down;
    changed_.wait_until(lock.native(), std::min(deadline.when(), outage_.next_attempt()));
  }
}

std::optional<Down> SharedOutage::down() const {
  if (!is_on()) return std::nullopt;
  MutexLock const lock{mutex_};
  return answer(Clock::now());
}

std::optional<Down> SharedOutage::down_without_waiting() const {
  if (!is_on()) return std::nullopt;
  MutexLock const lock{mutex_};
  auto const now = Clock::now();
  return has_background_ || outage_.backs_off(now) ? answer(now) : std::nullopt;
}

/// Rounded up, so that who asks again after that time does not come just before it.
std::optional<Down> SharedOutage::answer(Clock::time_point now) const {
  if (!outage_.is_on()) return std::nullopt;
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(outage_.next_attempt() - now);
  return Down{.failure = outage_.cause(), .retry_in = std::max(left, std::chrono::milliseconds{0})};
}

FailedAttempt SharedOutage::fail(std::shared_ptr<OpenFailure const> cause) {
  auto const chance = random_chance();
  std::shared_ptr<OpenFailure const> previous;  // outlives the lock: it may end a user's exception
  MutexLock const lock{mutex_};
  previous = outage_.cause();
  auto const failed = outage_.fail(std::move(cause), Clock::now(), chance);
  publish();
  return failed;
}

void SharedOutage::abandon_attempt() {
  auto const chance = random_chance();
  MutexLock const lock{mutex_};
  outage_.abandon_attempt(Clock::now(), chance);
}

std::optional<Recovery> SharedOutage::end() {
  if (!is_on()) return std::nullopt;
  std::shared_ptr<OpenFailure const> last;  // outlives the lock: it may end a user's exception
  MutexLock const lock{mutex_};
  if (!outage_.is_on()) return std::nullopt;
  last = outage_.cause();
  auto const recovery = outage_.end(Clock::now());
  publish();
  changed_.notify_all();
  return recovery;
}

void SharedOutage::shut_down() noexcept {
  MutexLock const lock{mutex_};
  shut_down_ = true;
  changed_.notify_all();
}

bool SharedOutage::claim_background() {
  if (mode_ != ReconnectMode::fail_fast) return false;
  MutexLock const lock{mutex_};
  if (shut_down_ || has_background_ || !outage_.wants_background()) return false;
  has_background_ = true;
  return true;
}

void SharedOutage::decline_background() {
  MutexLock const lock{mutex_};
  has_background_ = false;
}

bool SharedOutage::await_background_turn() {
  MutexLock lock{mutex_};
  for (;;) {
    auto const next = outage_.next_in_background(Clock::now());
    if (shut_down_ || next == NextStep::give_up) {
      has_background_ = false;
      return false;
    }
    if (next == NextStep::attempt) return true;
    changed_.wait_until(lock.native(), outage_.next_attempt());
  }
}

void SharedOutage::publish() noexcept {
  ticket_.store({outage_.failures_ever(), outage_.is_on()}, std::memory_order_release);
}

}  // namespace pqlease::detail
