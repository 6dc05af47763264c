#include "detail/lease_queue.hpp"

#include <benchmark/benchmark.h>

namespace pqlease::detail {
namespace {

void queue_that_nobody_waits_in(benchmark::State &state) {
  LeaseQueue queue{{}};
  std::stop_token const never_stopped;
  for ([[maybe_unused]] auto turn : state) {
    auto answer = queue.acquire(std::source_location::current(), Deadline::never(), never_stopped);
    benchmark::DoNotOptimize(answer);
    auto returned = queue.release();
    benchmark::DoNotOptimize(returned);
  }
}
BENCHMARK(queue_that_nobody_waits_in);

}  // namespace
}  // namespace pqlease::detail
