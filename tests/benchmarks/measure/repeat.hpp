#pragma once

#include "measure/slices.hpp"

#include <chrono>
#include <cstdint>

namespace pqlease::benchmarks {

/// Calls `turn(number)` again and again in the calling thread, for `length` and a few turns more.
template <class Turn> [[nodiscard]] Tally repeat(Seconds length, Turn turn) {
  using Clock = std::chrono::steady_clock;
  constexpr std::uint64_t between_looks_at_the_clock = 16;
  auto const start = Clock::now();
  std::uint64_t number = 0;
  while (Clock::now() - start < length) {
    for (std::uint64_t i = 0; i < between_looks_at_the_clock; ++i) turn(number++);
  }
  return {.turns = static_cast<double>(number), .elapsed = Clock::now() - start};
}

}  // namespace pqlease::benchmarks
