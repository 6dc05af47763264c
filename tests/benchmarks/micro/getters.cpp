#include "micro/shared_manager.hpp"

#include <benchmark/benchmark.h>

#include <sstream>

namespace pqlease::benchmarks {
namespace {

template <class Getter> void call_again_and_again(benchmark::State &state, Getter getter) {
  for ([[maybe_unused]] auto turn : state) {
    auto value = getter();
    benchmark::DoNotOptimize(value);
  }
}

void status(benchmark::State &state) {
  call_again_and_again(state, [&manager = shared_manager()] { return manager.status(); });
}
BENCHMARK(status);

void status_seen_by_the_holder(benchmark::State &state) {
  auto &manager = shared_manager();
  auto lease = manager.lease();
  call_again_and_again(state, [&] { return manager.status(); });
}
BENCHMARK(status_seen_by_the_holder);

void statistics(benchmark::State &state) {
  call_again_and_again(state, [&manager = shared_manager()] { return manager.statistics(); });
}
BENCHMARK(statistics);

void print_the_name(benchmark::State &state) {
  auto &manager = shared_manager();
  std::ostringstream text;
  for ([[maybe_unused]] auto turn : state) {
    text.str({});
    text << manager;
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(print_the_name);

}  // namespace
}  // namespace pqlease::benchmarks
