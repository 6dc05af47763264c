#include "measure/table.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <string_view>

namespace pqlease::benchmarks {
namespace {

constexpr auto *layout = "{:<60} {:>7} {:>16} {:>7}  {:<6} {:>7} {:>7}  {}";

/// Three digits that count, and no exponent.
std::string shown(double value) {
  auto const size = std::abs(value);
  auto const digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  return fmt::format("{:.{}f}", value, digits);
}

std::string shown(Limit limit) {
  return fmt::format("{} {}", limit.bound == Bound::at_least ? ">=" : "<=", limit.value);
}

std::string_view verdict(Row const &row) {
  if (!row.limit) return "";
  return row.holds() ? "holds" : "MISSED";
}

}  // namespace

std::string table_head() {
  return fmt::format(layout, "what", "median", "quartiles", "limit", "", "ours", "other", "unit of both");
}

std::string table_line(Row const &row) {
  auto const spread = row.spread();
  auto const sides = row.sides.value_or(Sides{});
  return fmt::format(layout, row.name, shown(spread.median),
                     fmt::format("{} .. {}", shown(spread.lower_quartile), shown(spread.upper_quartile)),
                     row.limit ? shown(*row.limit) : "", verdict(row), row.sides ? shown(sides.ours) : "",
                     row.sides ? shown(sides.other) : "", sides.unit);
}

}  // namespace pqlease::benchmarks
