#include "detail/deadline.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace std::chrono_literals;
using pqlease::detail::Deadline;

TEST_SUITE_BEGIN("deadline");

TEST_CASE("a deadline that never comes has not passed, and poll waits for ever") {
  CHECK_FALSE(Deadline::never().passed());
  CHECK(Deadline::never().poll_timeout() == -1);
}

TEST_CASE("a deadline in the past has passed, and poll does not wait") {
  auto const past = Deadline::at(Deadline::Clock::now() - 1s);
  CHECK(past.passed());
  CHECK(past.poll_timeout() == 0);
  CHECK(Deadline::after(0ms).passed());
}

TEST_CASE("a time-out too long for the clock means never") {
  CHECK(Deadline::after(std::chrono::milliseconds::max()).is_never());
}

TEST_CASE("a wait is rounded up, so that it never ends before the deadline") {
  CHECK(Deadline::at(Deadline::Clock::now() + 1us).poll_timeout() <= 1);
  CHECK(Deadline::after(1h).poll_timeout() > 3'500'000);
}

TEST_CASE("a wait longer than poll can express is cut to what it can") {
  CHECK(Deadline::after(24h * 365).poll_timeout() == std::numeric_limits<int>::max());
}

TEST_CASE("the earliest of two deadlines counts") {
  auto const soon = Deadline::after(1s);
  CHECK(earliest(soon, Deadline::never()).when() == soon.when());
  CHECK(earliest(Deadline::after(1h), soon).when() == soon.when());
}

TEST_SUITE_END();
