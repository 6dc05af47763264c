#pragma once

#include <cstdint>
#include <vector>

namespace pqlease::benchmarks {

/// How evenly several threads shared something that one of them has at a time.
struct Fairness {
  double smallest_share{};  ///< turns of the thread that had the fewest, by the mean
  double largest_share{};   ///< turns of the thread that had the most, by the mean
  double median_wait{};     ///< of all threads together; in the unit of the waits
  double long_wait{};       ///< the 99.9th percentile
  double long_by_median_wait{};
};

/// From the turns of each thread, and its waits.
///
/// Throws: std::invalid_argument when there were no turns or no waits.
[[nodiscard]] Fairness summarize(std::vector<std::uint64_t> const &turns,
                                 std::vector<std::vector<double>> const &waits);

}  // namespace pqlease::benchmarks
