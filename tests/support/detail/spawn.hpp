#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pqlease::testing {

/// What a new process leads: a terminal's Ctrl-C reaches neither.
enum class Leads { group, session };

/// Everything that a new process gets; of the descriptors, only those named here.
struct SpawnRequest {
  static constexpr int lifeline_descriptor = 3;

  std::vector<std::string> argv;         ///< argv[0] is looked for in PATH
  std::vector<std::string> environment;  ///< all of it
  int input{-1};                         ///< becomes descriptor 0
  int output{-1};                        ///< becomes descriptors 1 and 2
  int lifeline{-1};                      ///< becomes descriptor 3; -1: none
  std::string directory{"/"};            ///< where it runs
  Leads leads{Leads::group};
};

/// Throws: std::system_error when the program cannot be started.
[[nodiscard]] pid_t spawn(SpawnRequest const &request);

/// The status of a child in the shell's terms (128 + N for signal N), once it has ended; reaps it.
[[nodiscard]] std::optional<int> try_reap(pid_t pid);
[[nodiscard]] std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout);

}  // namespace pqlease::testing
