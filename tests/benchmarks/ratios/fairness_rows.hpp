#pragma once

#include "measure/row.hpp"
#include "ratios/lookup_table.hpp"
#include "ratios/settings.hpp"

#include <vector>

namespace pqlease::benchmarks {

/// How evenly sixteen threads get the session, and how long they wait for it; a std::mutex beside it, to compare.
[[nodiscard]] std::vector<Row> measure_fairness(LookupTable const &table, Settings const &settings);

/// The same of atomic blocks, until BEGIN is answered; a `pqxx::work` behind a std::mutex beside it.
[[nodiscard]] std::vector<Row> measure_block_fairness(LookupTable const &table, Settings const &settings);

}  // namespace pqlease::benchmarks
