#include "measure/rounds.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pqlease::benchmarks;

TEST_SUITE_BEGIN("rounds");

TEST_CASE("both sides are measured once in every round, and take turns in going first") {
  std::string order;
  auto const rounds = interleave(4, [&] { return order += 'o', 1.0; }, [&] { return order += 'x', 2.0; });
  CHECK(order == "oxxooxxo");
  CHECK(rounds.size() == 4);
  for (auto const &round : rounds) {
    CHECK(round.ours == 1);
    CHECK(round.other == 2);
  }
}

TEST_CASE("a machine that grows slower from measurement to measurement favours neither side") {
  double speed = 1000;
  auto const measure = [&] { return speed -= 1; };
  double sum = 0;
  for (double const ratio : ratios(interleave(10, measure, measure))) sum += ratio;
  CHECK(sum / 10 == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("a ratio is ours by theirs, each round for itself") {
  CHECK(ratios({{.ours = 1, .other = 2}, {.ours = 30, .other = 10}}) == std::vector<double>{0.5, 3});
}

TEST_SUITE_END();
