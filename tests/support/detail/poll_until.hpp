#pragma once

#include <chrono>
#include <concepts>
#include <thread>

namespace pqlease::testing {

/// Asks until `condition` holds; false when it still does not at the end of `timeout`.
/// For what cannot wake a waiter: another process that ends, a file that vanishes.
template <std::predicate F> [[nodiscard]] bool poll_until(F condition, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds interval{2};
  auto const deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(interval);
  }
  return true;
}

}  // namespace pqlease::testing
