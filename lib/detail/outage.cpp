#include "detail/outage.hpp"

#include <utility>

namespace pqlease::detail {

Outage::Outage(ReconnectPolicy const &policy) noexcept
    : backoff_{.initial_delay = policy.initial_delay,
               .factor = policy.factor,
               .max_delay = policy.max_delay,
               .jitter = policy.jitter},
      max_background_attempts_{policy.max_attempts} {}

NextStep Outage::next_for_lease(std::uint64_t failures_known, TimePoint now) const noexcept {
  if (!is_on()) return NextStep::attempt;
  if (failures_known < failures_ever_) return NextStep::give_up;
  return backs_off(now) ? NextStep::wait : NextStep::attempt;
}

NextStep Outage::next_in_background(TimePoint now) const noexcept {
  if (!wants_background()) return NextStep::give_up;
  return backs_off(now) ? NextStep::wait : NextStep::attempt;
}

// The first attempt of an outage was a lease's.
bool Outage::wants_background() const noexcept {
  return is_on() && (max_background_attempts_ == 0 || failures_ <= max_background_attempts_);
}

FailedAttempt Outage::fail(std::shared_ptr<OpenFailure const> cause, TimePoint now, double chance) noexcept {
  if (!is_on()) since_ = now;
  ++failures_;
  ++failures_ever_;
  cause_ = std::move(cause);
  auto const delay = backoff_.delay(failures_, chance);
  next_attempt_ = now + delay;
  return {.number = failures_, .down_for = now - since_, .delay = delay};
}

void Outage::abandon_attempt(TimePoint now, double chance) noexcept {
  if (is_on()) next_attempt_ = now + backoff_.delay(failures_, chance);
}

Recovery Outage::end(TimePoint now) noexcept {
  Recovery const recovery{.down_for = is_on() ? now - since_ : std::chrono::nanoseconds{0}, .attempts = failures_ + 1};
  failures_ = 0;
  cause_ = nullptr;
  return recovery;
}

}  // namespace pqlease::detail
