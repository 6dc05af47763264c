#pragma once

#include <chrono>
#include <cstdint>

namespace pqlease::stress {

/// How a run goes.
struct Settings {
  std::chrono::seconds length;  ///< PQLEASE_STRESS_SECONDS; 10
  std::uint64_t seed;           ///< PQLEASE_STRESS_SEED; else a random one
};

/// Throws: std::invalid_argument, std::out_of_range for what is no number.
[[nodiscard]] Settings settings_from_environment();

/// Whether this program was built with a sanitizer, which keeps memory for its own purposes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace pqlease::stress
