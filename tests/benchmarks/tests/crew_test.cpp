#include "measure/crew.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <stdexcept>

using namespace pqlease::benchmarks;

TEST_SUITE_BEGIN("crew");

TEST_CASE("every turn of every thread is counted, and numbered from zero") {
  constexpr int threads = 8;
  std::array<std::atomic<std::uint64_t>, threads> next{};
  std::atomic<bool> in_order{true};
  auto const run = run_crew(threads, Seconds{0.02}, [&](int thread, std::uint64_t number) {
    if (number != next.at(static_cast<std::size_t>(thread))++) in_order = false;
  });
  CHECK(in_order);
  REQUIRE(run.turns.size() == threads);
  for (std::size_t thread = 0; thread < threads; ++thread) CHECK(run.turns[thread] == next.at(thread));
}

TEST_CASE("the rate counts the turns of all threads, over the time that they took") {
  CrewRun const run{.turns = {10, 20, 30}, .elapsed = Seconds{2}};
  CHECK(run.tally().per_second() == 30);
  CHECK(run_crew(1, Seconds{0.02}, [](int, std::uint64_t) {}).elapsed >= Seconds{0.02});
}

TEST_CASE("what a turn throws comes out, and no thread is left behind") {
  std::atomic<int> inside{0};
  auto const turn = [&](int thread, std::uint64_t) {
    ++inside;
    --inside;
    if (thread == 1) throw std::runtime_error{"no server"};
  };
  CHECK_THROWS_WITH_AS(static_cast<void>(run_crew(4, Seconds{0.02}, turn)), "no server", std::runtime_error);
  CHECK(inside == 0);
}

TEST_SUITE_END();
