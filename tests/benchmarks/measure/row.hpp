#pragma once

#include "measure/quantile.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pqlease::benchmarks {

enum class Bound {
  at_least,
  at_most,
};

/// What a figure must reach.
struct Limit {
  Bound bound{Bound::at_least};
  double value{};

  [[nodiscard]] bool admits(double figure) const noexcept {
    return bound == Bound::at_least ? figure >= value : figure <= value;
  }
};

/// Both sides in a unit of their own, to see what the figure is made of.
struct Sides {
  double ours{};
  double other{};
  std::string unit;
};

/// One line of the table.
struct Row {
  std::string name;
  std::optional<Limit> limit{};   ///< nothing: the figure is there to be read
  std::vector<double> figures{};  ///< one for each round; their median counts
  std::optional<Sides> sides{};

  [[nodiscard]] Spread spread() const { return spread_of(figures); }
  [[nodiscard]] bool holds() const { return !limit || limit->admits(spread().median); }
};

}  // namespace pqlease::benchmarks
