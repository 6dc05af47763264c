#include "detail/deadline.hpp"

#include <benchmark/benchmark.h>

namespace pqlease::detail {
namespace {

void deadline_after_a_time_out(benchmark::State &state) {
  for ([[maybe_unused]] auto turn : state) {
    auto deadline = Deadline::after(std::chrono::seconds{1});
    benchmark::DoNotOptimize(deadline);
  }
}
BENCHMARK(deadline_after_a_time_out);

void deadline_has_not_passed(benchmark::State &state) {
  auto deadline = Deadline::after(std::chrono::hours{1});
  for ([[maybe_unused]] auto turn : state) {
    benchmark::DoNotOptimize(deadline);
    bool passed = deadline.passed();
    benchmark::DoNotOptimize(passed);
  }
}
BENCHMARK(deadline_has_not_passed);

void deadline_never_passes(benchmark::State &state) {
  auto deadline = Deadline::never();
  for ([[maybe_unused]] auto turn : state) {
    benchmark::DoNotOptimize(deadline);
    bool passed = deadline.passed();
    benchmark::DoNotOptimize(passed);
  }
}
BENCHMARK(deadline_never_passes);

}  // namespace
}  // namespace pqlease::detail
