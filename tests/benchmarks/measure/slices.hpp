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

/// One round: both sides work for `length`, in short slices that alternate. What else the machine has to do comes in
/// bursts of seconds; cut this fine, a burst slows both sides down alike. Returns turns per second.
[[nodiscard]] Round<double> alternate(Seconds length, Slice const &ours, Slice const &other);

}  // namespace pqlease::benchmarks
