#include "detail/retry_schedule.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using pqlease::Jitter;
using pqlease::RetryPolicy;
using pqlease::detail::Failure;
using pqlease::detail::RetrySchedule;
using pqlease::detail::RetryStep;
using pqlease::detail::Verdict;

namespace {

constexpr RetrySchedule::TimePoint start{1h};

RetryPolicy steady(std::size_t attempts) {
  return {.max_attempts = attempts, .initial_delay = 10ms, .factor = 2, .max_delay = 25ms, .jitter = Jitter::none};
}

}  // namespace

TEST_SUITE_BEGIN("retry schedule");

TEST_CASE("a conflict is tried again after delays that grow up to the longest, until no attempt is left") {
  auto const policy = steady(5);
  RetrySchedule schedule{policy, start};
  CHECK(schedule.after(Failure::error, "40001", start, 0.5) == Verdict{RetryStep::retry, 10ms});
  CHECK(schedule.after(Failure::error, "40P01", start, 0.5) == Verdict{RetryStep::retry, 20ms});
  CHECK(schedule.after(Failure::error, "40001", start, 0.5) == Verdict{RetryStep::retry, 25ms});
  CHECK(schedule.after(Failure::error, "40001", start, 0.5) == Verdict{RetryStep::retry, 25ms});
  CHECK(schedule.failed() == 4);
  CHECK(schedule.after(Failure::error, "40001", start, 0.5) == Verdict{RetryStep::give_up, 0ms});
}

TEST_CASE("without retries nothing is tried again, and nothing is given up") {
  auto const policy = steady(1);
  RetrySchedule schedule{policy, start};
  CHECK(schedule.after(Failure::error, "40001", start, 0.5) == Verdict{RetryStep::pass, 0ms});
}

TEST_CASE("an error that is not on the list passes, even if it is the first one") {
  auto policy = steady(3);
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "23505", start, 0.5).step == RetryStep::pass);
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "", start, 0.5).step == RetryStep::pass);
  policy.sqlstates = {"23505"};
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "23505", start, 0.5).step == RetryStep::retry);
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "40001", start, 0.5).step == RetryStep::pass);
}

TEST_CASE("a lost session is a reason only if the policy says so; a COMMIT found rolled back always is one") {
  auto policy = steady(3);
  CHECK(RetrySchedule{policy, start}.after(Failure::disconnected, "", start, 0.5).step == RetryStep::pass);
  CHECK(RetrySchedule{policy, start}.after(Failure::found_rolled_back, "", start, 0.5).step == RetryStep::retry);
  policy.on_disconnect = true;
  CHECK(RetrySchedule{policy, start}.after(Failure::disconnected, "", start, 0.5).step == RetryStep::retry);
}

TEST_CASE("what may have been committed is never run again, whatever the policy says") {
  auto policy = steady(100);
  policy.on_disconnect = true;
  policy.sqlstates = {"", "40001"};
  CHECK(RetrySchedule{policy, start}.after(Failure::final, "40001", start, 0.5).step == RetryStep::pass);
  CHECK(RetrySchedule{policy, start}.after(Failure::final, "", start, 0.5).step == RetryStep::pass);
}

TEST_CASE("no attempt starts later than the time-out after the first one") {
  auto policy = steady(100);
  policy.timeout = 15ms;
  RetrySchedule schedule{policy, start};
  CHECK(schedule.deadline().when() == start + 15ms);
  CHECK(schedule.after(Failure::error, "40001", start + 5ms, 0.5) == Verdict{RetryStep::retry, 10ms});
  CHECK(schedule.after(Failure::error, "40001", start + 14ms, 0.5) == Verdict{RetryStep::give_up, 0ms});
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "40001", start + 6ms, 0.5).step == RetryStep::give_up);
  policy.timeout = 0ms;
  CHECK(RetrySchedule{policy, start}.deadline().is_never());
}

TEST_CASE("full jitter takes anything up to the delay") {
  auto policy = steady(5);
  policy.jitter = Jitter::full;
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "40001", start, 0.0) == Verdict{RetryStep::retry, 0ms});
  CHECK(RetrySchedule{policy, start}.after(Failure::error, "40001", start, 0.5) == Verdict{RetryStep::retry, 5ms});
}

TEST_SUITE_END();
