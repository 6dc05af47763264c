#include "measure/fairness.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using pqlease::benchmarks::summarize;

TEST_SUITE_BEGIN("fairness");

TEST_CASE("shares are turns by the mean of all threads, those without a turn included") {
  auto const fairness = summarize({0, 10, 20}, {{}, {1}, {1}});
  CHECK(fairness.smallest_share == 0);
  CHECK(fairness.largest_share == 2);
}

TEST_CASE("waits are those of all threads together") {
  std::vector<double> const short_waits(9'990, 2.0);
  std::vector<double> const long_waits(10, 50.0);
  auto const fairness = summarize({1, 1}, {short_waits, long_waits});
  CHECK(fairness.median_wait == 2);
  CHECK(fairness.long_wait == doctest::Approx(2.048));
  CHECK(fairness.long_by_median_wait == doctest::Approx(1.024));
}

TEST_CASE("a run in which nobody had a turn says nothing about fairness") {
  CHECK_THROWS_AS(static_cast<void>(summarize({0, 0}, {{}, {}})), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(summarize({1, 1}, {{}, {}})), std::invalid_argument);
}

TEST_SUITE_END();
