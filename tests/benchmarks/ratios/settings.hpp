#pragma once

#include "measure/slices.hpp"

#include <filesystem>
#include <optional>

namespace pqlease::benchmarks {

/// What the command line asks for.
struct Settings {
  int rounds{11};              ///< of each comparison
  Seconds round_length{1};     ///< of one side of a round
  int fairness_rounds{5};      ///< of the fairness rows, which need longer ones
  Seconds fairness_length{5};  ///< of one side of such a round
  std::filesystem::path json{};
  bool quick{false};  ///< shows that everything runs; a limit that is missed does not count
};

/// Nothing when help was asked for and has been printed. Throws: std::invalid_argument for what cannot be understood.
[[nodiscard]] std::optional<Settings> read_settings(int count, char **arguments);

}  // namespace pqlease::benchmarks
