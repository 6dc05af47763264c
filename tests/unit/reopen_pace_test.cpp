#include "detail/notifications/reopen_pace.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using pqlease::detail::ReopenPace;

namespace {

constexpr ReopenPace::TimePoint start{1000s};

}  // namespace

TEST_SUITE_BEGIN("reopen pace");

TEST_CASE("sessions that last are looked after at once") {
  ReopenPace pace;
  for (auto now = start; now < start + 1h; now += 1s) CHECK(pace.opened(now, now) == now);
}

TEST_CASE("one after the other that does not last waits for longer, up to a bound") {
  ReopenPace pace;
  auto now = start;
  for (auto const delay : {0ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms}) {
    auto const next = pace.opened(now, now);
    CHECK(next - now == delay);
    now = next + 1ms;
  }
}

TEST_CASE("one that lasts ends the waiting") {
  ReopenPace pace;
  CHECK(pace.opened(start, start) == start);
  CHECK(pace.opened(start + 1ms, start + 1ms) == start + 101ms);
  CHECK(pace.opened(start + 1101ms, start + 1101ms) == start + 1101ms);
}

TEST_CASE("that it took long to open the next one does not make the one before a lasting one") {
  ReopenPace pace;
  CHECK(pace.opened(start, start) == start);
  CHECK(pace.opened(start + 1ms, start + 10s) == start + 10s + 100ms);
}

TEST_SUITE_END();
