#include "detail/backoff.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <thread>

namespace pqlease::detail {
namespace {

// No std::random_device: it may throw. What matters is that threads and processes differ.
std::minstd_rand seeded() noexcept {
  auto const now = std::chrono::steady_clock::now().time_since_epoch().count();
  std::seed_seq seeds{static_cast<std::size_t>(now), std::hash<std::thread::id>{}(std::this_thread::get_id())};
  return std::minstd_rand{seeds};
}

}  // namespace

std::chrono::nanoseconds Backoff::ceiling(std::size_t failures) const noexcept {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  if (failures == 0) return {};
  auto const growth = std::pow(factor, static_cast<double>(failures - 1));  // infinity is fine
  auto const longest =
      std::min(static_cast<double>(initial_delay.count()) * growth, static_cast<double>(max_delay.count()));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds{initial_delay.count() == 0 ? 0.0 : longest});
}

std::chrono::nanoseconds Backoff::delay(std::size_t failures, double chance) const noexcept {
  auto const longest = ceiling(failures);
  if (jitter == Jitter::none) return longest;
  return std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(longest.count()) * chance)};
}

double random_chance() noexcept {
  static thread_local auto generator = seeded();
  return std::generate_canonical<double, 32>(generator);
}

}  // namespace pqlease::detail
