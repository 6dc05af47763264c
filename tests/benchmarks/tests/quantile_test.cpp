#include "measure/quantile.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

using pqlease::benchmarks::quantile;
using pqlease::benchmarks::spread_of;

TEST_SUITE_BEGIN("quantile");

TEST_CASE("the median of an odd number of values is the one in the middle, in whatever order they come") {
  CHECK(quantile({5, 1, 3}, 0.5) == 3);
}

TEST_CASE("the median of an even number of values lies half-way between the two in the middle") {
  CHECK(quantile({4, 1, 2, 10}, 0.5) == 3);
}

TEST_CASE("a quantile between two values is interpolated") {
  CHECK(quantile({0, 10, 20, 30, 40}, 0.25) == 10);
  CHECK(quantile({0, 10}, 0.999) == doctest::Approx(9.99));
  CHECK(quantile({30, 0, 10, 20}, 0.75) == doctest::Approx(22.5));
}

TEST_CASE("of a single value every quantile is that value") {
  for (double const share : {0.0, 0.3, 0.999, 1.0}) CHECK(quantile({7}, share) == 7);
}

TEST_CASE("values that repeat count as often as they come") { CHECK(quantile({2, 2, 2, 2, 9}, 0.75) == 2); }

TEST_CASE("nothing has no quantile, and no share lies outside of zero to one") {
  CHECK_THROWS_AS(static_cast<void>(quantile({}, 0.5)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(quantile({1}, -0.1)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(quantile({1}, 1.1)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(quantile({1}, std::numeric_limits<double>::quiet_NaN())), std::invalid_argument);
}

TEST_CASE("a spread has the extremes, the quartiles and the median") {
  auto const spread = spread_of({40, 30, 20, 10, 0});
  CHECK(spread.smallest == 0);
  CHECK(spread.lower_quartile == 10);
  CHECK(spread.median == 20);
  CHECK(spread.upper_quartile == 30);
  CHECK(spread.largest == 40);
}

TEST_SUITE_END();
