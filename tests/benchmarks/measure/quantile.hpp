#pragma once

#include <vector>

namespace pqlease::benchmarks {

/// The value that the share `share` (0 to 1) of `values` does not exceed; between two of them by linear interpolation
/// (type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996).
///
/// Throws: std::invalid_argument when there are no values, or the share is out of range.
[[nodiscard]] double quantile(std::vector<double> values, double share);

/// Where the values of several rounds lie.
struct Spread {
  double smallest{};
  double lower_quartile{};
  double median{};
  double upper_quartile{};
  double largest{};
};

/// Throws: std::invalid_argument when there are no values.
[[nodiscard]] Spread spread_of(std::vector<double> const &values);

}  // namespace pqlease::benchmarks
