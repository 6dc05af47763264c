#include "micro/shared_manager.hpp"

#include <benchmark/benchmark.h>

namespace pqlease::benchmarks {
namespace {

void empty_lease(benchmark::State &state) {
  auto &manager = shared_manager();
  for ([[maybe_unused]] auto turn : state) {
    auto lease = manager.lease();
    benchmark::DoNotOptimize(lease);
  }
}
BENCHMARK(empty_lease);

void empty_lease_with_a_time_out(benchmark::State &state) {
  auto &manager = shared_manager();
  for ([[maybe_unused]] auto turn : state) {
    auto lease = manager.lease_for(std::chrono::seconds{1});
    benchmark::DoNotOptimize(lease);
  }
}
BENCHMARK(empty_lease_with_a_time_out);

void try_lease(benchmark::State &state) {
  auto &manager = shared_manager();
  for ([[maybe_unused]] auto turn : state) {
    auto lease = manager.try_lease();
    benchmark::DoNotOptimize(lease);
  }
}
BENCHMARK(try_lease);

void with_lease(benchmark::State &state) {
  auto &manager = shared_manager();
  for ([[maybe_unused]] auto turn : state) {
    auto *connection = manager.with_lease([](pqxx::connection &session) { return &session; });
    benchmark::DoNotOptimize(connection);
  }
}
BENCHMARK(with_lease);

}  // namespace
}  // namespace pqlease::benchmarks
