#pragma once

#include <pqlease/jitter.hpp>

#include <chrono>
#include <cstddef>

namespace pqlease::detail {

/// Delays that grow exponentially. Knows no clock and no source of chance.
struct Backoff {
  std::chrono::milliseconds initial_delay;
  double factor;
  std::chrono::milliseconds max_delay;
  Jitter jitter;

  /// The longest delay after so many failures in a row; zero after none.
  [[nodiscard]] std::chrono::nanoseconds ceiling(std::size_t failures) const noexcept;

  /// The delay itself. `chance` is a random number in [0, 1).
  [[nodiscard]] std::chrono::nanoseconds delay(std::size_t failures, double chance) const noexcept;
};

/// A random number in [0, 1), from a generator of this thread's own.
[[nodiscard]] double random_chance() noexcept;

}  // namespace pqlease::detail
