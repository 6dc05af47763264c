#pragma once

#include "measure/rounds.hpp"

#include <chrono>
#include <functional>

namespace pqlease::benchmarks {

using Seconds = std::chrono::duration<double>;

/// What was done in some time.
struct Tally {
  double turns{};
  Seconds elapsed{};

  [[nodiscard]] double per_second() const { return turns / elapsed.count(); }
};

/// Works for some time.
using Slice = std::function<Tally(Seconds length)>;

/// How long each side of a round works, and for how long without a change.
struct RoundShape {
  Seconds length;
  Seconds longest_slice;
};

/// One round: both sides work in short slices that alternate. What else the machine has to do comes in bursts of
/// seconds; cut this fine, a burst slows both sides down alike. Returns turns per second.
[[nodiscard]] Round<double> alternate(RoundShape shape, Slice const &ours, Slice const &other);

}  // namespace pqlease::benchmarks
