#pragma once

#include "measure/row.hpp"
#include "ratios/settings.hpp"

#include <string>
#include <vector>

namespace pqlease::benchmarks {

/// Writes the table as JSON, with what it was measured on and every round's figure. Makes the file's folder.
///
/// Throws: std::ios_base::failure, std::filesystem::filesystem_error.
void write_report(Settings const &settings, std::string const &server, std::vector<Row> const &rows);

}  // namespace pqlease::benchmarks
