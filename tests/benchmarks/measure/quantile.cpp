#include "measure/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

namespace pqlease::benchmarks {

double quantile(std::vector<double> values, double share) {
  if (values.empty()) throw std::invalid_argument{"no values, so no quantile"};
  if (!(share >= 0 && share <= 1)) throw std::invalid_argument{"a quantile's share lies between 0 and 1"};
  auto const position = share * static_cast<double>(values.size() - 1);
  auto const below = values.begin() + static_cast<std::ptrdiff_t>(position);
  std::ranges::nth_element(values, below);
  if (below + 1 == values.end()) return *below;
  return std::lerp(*below, *std::min_element(below + 1, values.end()), position - std::floor(position));
}

Spread spread_of(std::vector<double> const &values) {
  return {.smallest = quantile(values, 0),
          .lower_quartile = quantile(values, 0.25),
          .median = quantile(values, 0.5),
          .upper_quartile = quantile(values, 0.75),
          .largest = quantile(values, 1)};
}

}  // namespace pqlease::benchmarks
