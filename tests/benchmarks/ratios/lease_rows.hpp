#pragma once

#include "measure/row.hpp"
#include "ratios/settings.hpp"

#include <string>

namespace pqlease::benchmarks {

/// What it costs to lease the session and to do nothing with it, against the shortest thing that one can do.
[[nodiscard]] Row compare_with_round_trip(std::string const &conninfo, Settings const &settings);

/// How often leases that nobody contends for ask operator new for memory.
[[nodiscard]] Row count_allocations(std::string const &conninfo);

}  // namespace pqlease::benchmarks
