#pragma once

#include "measure/row.hpp"
#include "ratios/settings.hpp"

#include <vector>

namespace pqlease::benchmarks {

/// How long after the server accepts again the first of many threads has a lease, by the longest delay of the policy.
/// No rows where the server cannot be put behind a proxy.
[[nodiscard]] std::vector<Row> measure_recovery(Settings const &settings);

}  // namespace pqlease::benchmarks
