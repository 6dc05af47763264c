#include "detail/retry_schedule.hpp"

#include "detail/backoff.hpp"

#include <algorithm>

namespace pqlease::detail {

Verdict RetrySchedule::after(Failure failure, std::string const &sqlstate, TimePoint now, double chance) noexcept {
  ++failed_;
  if (policy_.max_attempts <= 1 || !might_help(failure, sqlstate)) return {.step = RetryStep::pass};
  if (failed_ >= policy_.max_attempts) return {.step = RetryStep::give_up};
  Backoff const backoff{.initial_delay = policy_.initial_delay,
                        .factor = policy_.factor,
                        .max_delay = policy_.max_delay,
                        .jitter = policy_.jitter};
  auto const delay = backoff.delay(failed_, chance);
  auto const end = deadline();
  if (!end.is_never() && now + delay > end.when()) return {.step = RetryStep::give_up};
  return {.step = RetryStep::retry, .delay = delay};
}

Deadline RetrySchedule::deadline() const noexcept {
  return policy_.timeout.count() == 0 ? Deadline::never() : Deadline::at(first_attempt_ + policy_.timeout);
}

bool RetrySchedule::might_help(Failure failure, std::string const &sqlstate) const noexcept {
  switch (failure) {
  case Failure::error:
    return std::ranges::find(policy_.sqlstates, sqlstate) != policy_.sqlstates.end();
  case Failure::disconnected:
    return policy_.on_disconnect;
  case Failure::found_rolled_back:
    return true;
  case Failure::final:
    break;
  }
  return false;
}

}  // namespace pqlease::detail
