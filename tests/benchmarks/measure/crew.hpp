#pragma once

#include "measure/slices.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace pqlease::benchmarks {

/// What the threads of one run did.
struct CrewRun {
  std::vector<std::uint64_t> turns;  ///< by thread
  Seconds elapsed{};                 ///< from the common start to the end of the last turn

  /// All threads together.
  [[nodiscard]] Tally tally() const;
};

/// Calls `turn(thread, number)` again and again in `threads` threads. All of them exist before the first one starts.
///
/// Blocking: for `length`, and until every thread has ended the turn that it was in.
/// Throws: what a turn throws; its thread ends there, the others go on until the end.
[[nodiscard]] CrewRun run_crew(int threads, Seconds length,
                               std::function<void(int thread, std::uint64_t number)> const &turn);

}  // namespace pqlease::benchmarks
