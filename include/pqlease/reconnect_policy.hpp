#pragma once

#include <pqlease/jitter.hpp>

#include <chrono>
#include <cstddef>

namespace pqlease {

/// What a lease does while the manager is down: the last attempt to open failed, and its back-off has not run out.
enum class ReconnectMode {
  on_demand,  ///< it waits out the back-off, within its own deadline, and makes the next attempt
  fail_fast,  ///< it throws ConnectionDown at once, while a background thread makes the attempts
};

/// When a session that could not be opened is tried again. The delays are the manager's: however many threads wait, one
/// attempt is made for each delay, and its answer is everybody's who had asked before it came. The delay after the n-th
/// failure in a row is initial_delay * factor^(n-1), at most max_delay, and then jittered.
///
/// A manager never gives up for good. A part of Options; a value out of range is an InvalidOption.
struct ReconnectPolicy {
  /// The delay after the first failure. 0: none, a lease tries again at once; then the other delays are zero, too.
  std::chrono::milliseconds initial_delay{100};

  /// By how much each delay is longer than the one before. Range: 1 to 100; 1 keeps them equal.
  double factor{1.7};

  /// The longest delay. Range: from initial_delay to 24 hours.
  std::chrono::milliseconds max_delay{10'000};

  Jitter jitter{Jitter::full};

  /// How many attempts in a row the background thread makes before it leaves the next one to a lease, which makes it as
  /// soon as the back-off has run out. 0: for ever. Without effect on_demand, where every attempt is some lease's.
  std::size_t max_attempts{0};

  ReconnectMode mode{ReconnectMode::on_demand};
};

}  // namespace pqlease
