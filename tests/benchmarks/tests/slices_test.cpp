#include "measure/slices.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pqlease::benchmarks;

TEST_SUITE_BEGIN("slices");

TEST_CASE("a round is cut into an even number of slices, none too long, which add up to its length") {
  for (double const length : {0.01, 0.05, 0.12, 0.5, 5.0}) {
    CAPTURE(length);
    int count = 0;
    double sum = 0;
    auto const slice = [&](Seconds part) {
      CHECK(part.count() <= doctest::Approx(0.25));
      ++count;
      sum += part.count();
      return Tally{1, part};
    };
    static_cast<void>(alternate({.length = Seconds{length}, .longest_slice = Seconds{0.25}}, slice, slice));
    CHECK(count % 4 == 0);
    CHECK(sum == doctest::Approx(2 * length));
  }
}

TEST_CASE("the rate of a round is that of all its slices: slow ones weigh as much as they took") {
  int call = 0;
  auto const ours = [&](Seconds) { return ++call == 1 ? Tally{100, Seconds{1}} : Tally{100, Seconds{3}}; };
  auto const round = alternate({.length = Seconds{0.05}, .longest_slice = Seconds{0.1}}, ours,
                               [](Seconds) { return Tally{10, Seconds{2}}; });
  CHECK(call == 2);
  CHECK(round.ours == 50);
  CHECK(round.other == 5);
}

TEST_CASE("both sides take turns in going first") {
  std::string order;
  static_cast<void>(alternate(
      {.length = Seconds{1}, .longest_slice = Seconds{0.25}},
      [&](Seconds part) { return order += 'o', Tally{1, part}; },
      [&](Seconds part) { return order += 'x', Tally{1, part}; }));
  CHECK(order == "oxxooxxo");
}

TEST_SUITE_END();
