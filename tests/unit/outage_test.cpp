#include "detail/outage.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace std::chrono_literals;
using pqlease::Jitter;
using pqlease::ReconnectPolicy;
using pqlease::detail::NextStep;
using pqlease::detail::OpenFailure;
using pqlease::detail::Outage;
using TimePoint = Outage::TimePoint;

namespace {

TimePoint const start{1h};

constexpr ReconnectPolicy policy{
    .initial_delay = 100ms, .factor = 2.0, .max_delay = 350ms, .jitter = Jitter::none, .max_attempts = 0};

std::shared_ptr<OpenFailure const> failure(std::string message = "refused") {
  return std::make_shared<OpenFailure const>(OpenFailure{.message = std::move(message), .sqlstate = {}, .cause = {}});
}

/// What a lease does that asks and finds no session, both at `now`.
NextStep next(Outage const &outage, TimePoint now) { return outage.next_for_lease(outage.failures_ever(), now); }

}  // namespace

TEST_SUITE_BEGIN("outage");

TEST_CASE("while nothing has failed, a lease tries at once") {
  Outage const outage{policy};
  CHECK_FALSE(outage.is_on());
  CHECK(next(outage, start) == NextStep::attempt);
  CHECK(outage.cause() == nullptr);
}

TEST_CASE("after each failure the next attempt is due a delay later, neither sooner nor never") {
  Outage outage{policy};
  auto now = start;
  for (auto const delay : {100ms, 200ms, 350ms, 350ms, 350ms}) {
    CHECK(outage.fail(failure(), now, 0.5).delay == delay);
    CHECK(next(outage, now) == NextStep::wait);
    CHECK(next(outage, now + delay - 1ns) == NextStep::wait);
    CHECK(outage.next_attempt() == now + delay);
    now += delay;
    CHECK(next(outage, now) == NextStep::attempt);
  }
}

TEST_CASE("trap: a reconnect loop that gives up for good") {
  Outage outage{policy};
  for (int i = 0; i < 1'000'000; ++i) outage.fail(failure(), start, 0.5);
  CHECK(next(outage, start + 350ms) == NextStep::attempt);
  CHECK(outage.next_in_background(start + 350ms) == NextStep::attempt);
}

TEST_CASE("who had asked before an attempt failed is answered by it; who asks later waits for the next one") {
  Outage outage{policy};
  auto const before = outage.failures_ever();
  outage.fail(failure(), start, 0.5);
  auto const after = outage.failures_ever();
  CHECK(outage.next_for_lease(before, start) == NextStep::give_up);
  CHECK(outage.next_for_lease(before, start + 1h) == NextStep::give_up);
  CHECK(outage.next_for_lease(after, start) == NextStep::wait);
  outage.fail(failure(), start + 100ms, 0.5);
  CHECK(outage.next_for_lease(after, start + 1h) == NextStep::give_up);
}

TEST_CASE("an answer holds only as long as the outage") {
  Outage outage{policy};
  auto const before = outage.failures_ever();
  outage.fail(failure(), start, 0.5);
  outage.end(start);
  CHECK(outage.next_for_lease(before, start) == NextStep::attempt);
}

TEST_CASE("a success ends the outage: its length is told, and the delays start anew") {
  Outage outage{policy};
  outage.fail(failure(), start, 0.5);
  outage.fail(failure(), start + 100ms, 0.5);
  auto const recovery = outage.end(start + 300ms);
  CHECK(recovery.down_for == 300ms);
  CHECK(recovery.attempts == 3);
  CHECK_FALSE(outage.is_on());
  CHECK(outage.cause() == nullptr);
  CHECK(outage.fail(failure(), start + 1h, 0.5).delay == 100ms);
  CHECK(outage.end(start + 1h).attempts == 2);
}

TEST_CASE("failures are numbered from one, with the time since the first") {
  Outage outage{policy};
  auto const first = outage.fail(failure(), start, 0.5);
  CHECK(first.number == 1);
  CHECK(first.down_for == 0ms);
  auto const second = outage.fail(failure(), start + 150ms, 0.5);
  CHECK(second.number == 2);
  CHECK(second.down_for == 150ms);
}

TEST_CASE("the last failure is the one that is told") {
  Outage outage{policy};
  outage.fail(failure("refused"), start, 0.5);
  outage.fail(failure("no such database"), start, 0.5);
  REQUIRE(outage.cause() != nullptr);
  CHECK(outage.cause()->message == "no such database");
}

TEST_CASE("an attempt that its own maker gave up is no outage") {
  Outage outage{policy};
  outage.abandon_attempt(start, 0.5);
  CHECK_FALSE(outage.is_on());
  CHECK(next(outage, start) == NextStep::attempt);
}

TEST_CASE("within an outage an attempt that was given up takes its delay, makes none longer, and answers nobody") {
  Outage outage{policy};
  outage.fail(failure(), start, 0.5);
  auto const known = outage.failures_ever();
  outage.abandon_attempt(start + 1s, 0.5);
  CHECK(outage.next_for_lease(known, start + 1s) == NextStep::wait);
  CHECK(outage.next_for_lease(known, start + 1100ms) == NextStep::attempt);
  CHECK(outage.fail(failure(), start + 2s, 0.5).delay == 200ms);
}

TEST_CASE("full jitter spreads the delays by the chance that it is given") {
  auto jittered = policy;
  jittered.jitter = Jitter::full;
  Outage outage{jittered};
  CHECK(outage.fail(failure(), start, 0.25).delay == 25ms);
  CHECK(outage.fail(failure(), start, 0.75).delay == 150ms);
  outage.abandon_attempt(start, 0.5);
  CHECK(outage.next_attempt() == start + 100ms);
}

TEST_CASE("without a delay every lease tries at once") {
  auto eager = policy;
  eager.initial_delay = 0ms;
  Outage outage{eager};
  outage.fail(failure(), start, 0.5);
  CHECK(next(outage, start) == NextStep::attempt);
}

TEST_CASE("the background makes max_attempts attempts, and leaves the next one to a lease") {
  auto bounded = policy;
  bounded.max_attempts = 2;
  Outage outage{bounded};
  CHECK(outage.next_in_background(start) == NextStep::give_up);  // nothing is wrong
  outage.fail(failure(), start, 0.5);                            // a lease's
  CHECK(outage.next_in_background(start) == NextStep::wait);
  CHECK(outage.next_in_background(start + 100ms) == NextStep::attempt);
  outage.fail(failure(), start, 0.5);
  CHECK(outage.next_in_background(start + 200ms) == NextStep::attempt);
  outage.fail(failure(), start, 0.5);
  CHECK(outage.next_in_background(start + 1h) == NextStep::give_up);
  CHECK_FALSE(outage.wants_background());
  CHECK(next(outage, start + 350ms) == NextStep::attempt);

  outage.end(start);
  outage.fail(failure(), start, 0.5);
  CHECK(outage.wants_background());  // in the next outage
}

TEST_SUITE_END();
