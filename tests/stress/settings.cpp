#include "settings.hpp"

#include "support/detail/environment.hpp"

#include <algorithm>
#include <random>
#include <string>

namespace pqlease::stress {

Settings settings_from_environment() {
  auto const seconds = testing::environment_value("PQLEASE_STRESS_SECONDS").value_or("10");
  auto const seed = testing::environment_value("PQLEASE_STRESS_SEED");
  return {.length = std::chrono::seconds{std::max(1, std::stoi(seconds))},
          .seed = seed ? std::stoull(*seed) : std::random_device{}()};
}

}  // namespace pqlease::stress
