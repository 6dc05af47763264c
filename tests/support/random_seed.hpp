#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

namespace pqlease::testing {

/// The seed of a random test: PQLEASE_TEST_SEED if set, else a new one. Printed, so that a failure can be repeated.
[[nodiscard]] inline std::uint64_t announce_seed(std::string_view test) {
  auto const *const given = std::getenv("PQLEASE_TEST_SEED");
  auto const seed = given != nullptr ? std::stoull(given) : std::random_device{}();
  std::cout << test << ": PQLEASE_TEST_SEED=" << seed << '\n';
  return seed;
}

}  // namespace pqlease::testing
