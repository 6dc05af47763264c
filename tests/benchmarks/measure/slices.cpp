#include "measure/slices.hpp"

#include <algorithm>
#include <cmath>

namespace pqlease::benchmarks {
namespace {

/// Even, so that each side goes first equally often.
int number_of_slices(RoundShape shape) {
  return 2 * std::max(1, static_cast<int>(std::ceil(shape.length / shape.longest_slice / 2)));
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

Round<double> alternate(RoundShape shape, Slice const &ours, Slice const &other) {
  int const count = number_of_slices(shape);
  auto const slice = shape.length / count;
  auto const slices = interleave(count, [&] { return ours(slice); }, [&] { return other(slice); });
  return {.ours = rate(slices, &Round<Tally>::ours), .other = rate(slices, &Round<Tally>::other)};
}

}  // namespace pqlease::benchmarks
