#pragma once

#include "measure/row.hpp"
#include "ratios/settings.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace pqlease::benchmarks {

/// The table as JSON, with what it was measured on and every round's figure.
class Report {
public:
  /// Opens the file, and makes its folder: before all the measuring, which must not be in vain.
  /// Throws: std::ios_base::failure, std::filesystem::filesystem_error.
  explicit Report(std::filesystem::path const &path);

  /// Throws: std::ios_base::failure.
  void write(Settings const &settings, std::string const &server, std::vector<Row> const &rows);

private:
  std::ofstream file_;
};

}  // namespace pqlease::benchmarks
