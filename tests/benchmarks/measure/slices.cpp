#include "measure/slices.hpp"

#include <algorithm>
#include <cmath>

namespace pqlease::benchmarks {
namespace {

// Long enough that starting and stopping the threads does not count.
constexpr Seconds longest_slice{0.25};

/// Even, so that each side goes first equally often.
int number_of_slices(Seconds length) {
  return 2 * std::max(1, static_cast<int>(std::ceil(length / longest_slice / 2)));
}

double rate(std::vector<Round<Tally>> const &slices, Tally Round<Tally>::*side) {
  Tally sum;
  for (auto const &slice : slices) {
    sum.turns += (slice.*side).turns;
    sum.elapsed += (slice.*side).elapsed;
  }
  return sum.per_second();
}

}  // namespace

Round<double> alternate(Seconds length, Slice const &ours, Slice const &other) {
  int const count = number_of_slices(length);
  auto const slices = interleave(count, [&] { return ours(length / count); }, [&] { return other(length / count); });
  return {.ours = rate(slices, &Round<Tally>::ours), .other = rate(slices, &Round<Tally>::other)};
}

}  // namespace pqlease::benchmarks
