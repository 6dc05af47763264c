#pragma once

#include "measure/row.hpp"

#include <string>

namespace pqlease::benchmarks {

/// The table's first line, and one line for each row.
[[nodiscard]] std::string table_head();
[[nodiscard]] std::string table_line(Row const &row);

}  // namespace pqlease::benchmarks
