#pragma once

#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <string>

namespace pqlease::detail {

// Long enough for any session, short enough that no sum of time points can overflow.
inline constexpr std::chrono::milliseconds longest = std::chrono::hours{24};

inline void require_range(std::string const &of, char const *name, std::chrono::milliseconds value,
                          std::chrono::milliseconds least) {
  if (value >= least && value <= longest) return;
  throw InvalidOption{
      name, fmt::format("is {} ms; it must lie between {} ms and {} ms", value.count(), least.count(), longest.count()),
      of};
}

inline void require_factor(std::string const &of, char const *name, double value) {
  bool const fits = value >= 1.0 && value <= 100.0;  // which NaN does not
  if (!fits) throw InvalidOption{name, fmt::format("is {}; it must lie between 1 and 100", value), of};
}

}  // namespace pqlease::detail
