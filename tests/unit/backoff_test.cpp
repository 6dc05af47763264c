#include "detail/backoff.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>

using namespace std::chrono_literals;
using pqlease::Jitter;
using pqlease::detail::Backoff;

namespace {

constexpr Backoff steady{.initial_delay = 100ms, .factor = 2.0, .max_delay = 350ms, .jitter = Jitter::none};
constexpr Backoff jittered{.initial_delay = 100ms, .factor = 2.0, .max_delay = 350ms, .jitter = Jitter::full};

}  // namespace

TEST_SUITE_BEGIN("backoff");

TEST_CASE("delays grow by the factor up to the longest") {
  CHECK(steady.delay(0, 0.5) == 0ms);
  CHECK(steady.delay(1, 0.5) == 100ms);
  CHECK(steady.delay(2, 0.5) == 200ms);
  CHECK(steady.delay(3, 0.5) == 350ms);
  CHECK(steady.delay(4, 0.5) == 350ms);
}

TEST_CASE("full jitter takes anything from zero to the delay") {
  CHECK(jittered.delay(2, 0.0) == 0ms);
  CHECK(jittered.delay(2, 0.25) == 50ms);
  CHECK(jittered.delay(3, 0.5) == 175ms);
}

TEST_CASE("however many failures there were, the delay is a number") {
  CHECK(steady.delay(std::size_t(-1), 0.5) == 350ms);
  constexpr Backoff none{.initial_delay = 0ms, .factor = 100.0, .max_delay = 1ms, .jitter = Jitter::none};
  CHECK(none.delay(1, 0.5) == 0ms);
  CHECK(none.delay(std::size_t(-1), 0.5) == 0ms);
}

TEST_CASE("chance lies between zero and one, and changes") {
  double smallest = 1;
  double largest = 0;
  for (int i = 0; i < 1000; ++i) {
    auto const chance = pqlease::detail::random_chance();
    smallest = std::min(smallest, chance);
    largest = std::max(largest, chance);
  }
  CHECK(smallest >= 0);
  CHECK(smallest < 0.1);
  CHECK(largest <= 1);
  CHECK(largest > 0.9);
}

TEST_SUITE_END();
