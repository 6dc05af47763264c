#pragma once

#include "measure/processors.hpp"
#include "measure/rounds.hpp"
#include "measure/slices.hpp"
#include "ratios/contender.hpp"

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <string>

namespace pqlease::benchmarks {

/// Where the threads and the server processes of their sessions run.
enum class Place {
  anywhere,  ///< the system decides
  apart,     ///< the only thread on one processor, the server processes on another
  same,      ///< all of them on one processor
};

/// Who does the work of a side.
struct Workers {
  int threads{1};
  Place place{Place::anywhere};

  /// As it stands in the name of a row.
  [[nodiscard]] std::string label() const;
};

/// One thread. By default the system puts it and the server's process where it likes, changes its mind in the middle of
/// a round, and a round trip takes six times as long on two processors as on one: that would be all that the row shows.
/// So this one stays apart, if there are two processors, and the server's processes are behind a Unix socket and may be
/// moved to either.
[[nodiscard]] Workers one_worker(std::string const &conninfo);

/// Keeps the calling thread in its place, while this lives, and server processes in theirs for good.
class InPlace {
public:
  /// Throws: std::runtime_error when a process cannot be kept.
  InPlace(Place place, std::initializer_list<std::optional<pid_t>> server_processes);

private:
  std::optional<StayOnProcessor> thread_{};
};

/// One round of both sides in turn. Returns SELECTs per second.
[[nodiscard]] Round<double> work(Workers const &workers, Seconds length, Contender &ours, Contender &other);

}  // namespace pqlease::benchmarks
