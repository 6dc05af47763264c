#include "activity.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace pqlease::stress {

bool Watchdog::all_have_ended() const noexcept {
  return std::all_of(activities_.begin(), activities_.end(), [](auto const &one) { return one.has_ended(); });
}

bool Watchdog::somebody_is_stuck() const noexcept {
  return std::any_of(activities_.begin(), activities_.end(),
                     [&](auto const &one) { return !one.has_ended() && one.for_how_long() > patience_; });
}

std::string Watchdog::describe() const {
  std::string text;
  for (std::size_t number = 0; number < activities_.size(); ++number) {
    auto const &one = activities_[number];
    if (one.has_ended()) continue;
    auto const age = std::chrono::duration_cast<std::chrono::milliseconds>(one.for_how_long());
    text += fmt::format("  thread {:2}: {} for {} ms\n", number, one.step(), age.count());
  }
  return text;
}

}  // namespace pqlease::stress
