#pragma once

#include "support/subprocess.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace pqlease::testing {

/// PostgreSQL's own programs, run for the cluster in one guarded folder (see Guard) as the user that owns it.
///
/// While one runs the guard does not act: it would remove the folder beneath a server that is just coming up.
class ServerTools {
public:
  /// Throws: NoServer when no server is installed.
  explicit ServerTools(std::filesystem::path folder);

  [[nodiscard]] std::filesystem::path const &folder() const noexcept { return folder_; }
  [[nodiscard]] std::filesystem::path data_directory() const { return folder_ / "data"; }

  /// Throws: std::runtime_error when the command hangs, or the folder's guard is gone.
  [[nodiscard]] RunResult run(std::string const &program, std::vector<std::string> const &arguments) const;

private:
  std::filesystem::path folder_;
  std::filesystem::path programs_;
};

}  // namespace pqlease::testing
