#include "measure/fairness.hpp"

#include "measure/quantile.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace pqlease::benchmarks {
namespace {

std::vector<double> joined(std::vector<std::vector<double>> const &parts) {
  std::vector<double> all;
  for (auto const &part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

Fairness summarize(std::vector<std::uint64_t> const &turns, std::vector<std::vector<double>> const &waits) {
  auto const sum = std::accumulate(turns.begin(), turns.end(), std::uint64_t{0});
  auto const all_waits = joined(waits);
  if (sum == 0 || all_waits.empty()) throw std::invalid_argument{"nobody had a turn: the run was too short"};
  auto const mean = static_cast<double>(sum) / static_cast<double>(turns.size());
  auto const [smallest, largest] = std::ranges::minmax(turns);
  auto const median_wait = quantile(all_waits, 0.5);
  auto const long_wait = quantile(all_waits, 0.999);
  return {.smallest_share = static_cast<double>(smallest) / mean,
          .largest_share = static_cast<double>(largest) / mean,
          .median_wait = median_wait,
          .long_wait = long_wait,
          .long_by_median_wait = long_wait / median_wait};
}

}  // namespace pqlease::benchmarks
