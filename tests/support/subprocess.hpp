#pragma once

#include "support/detail/environment.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace pqlease::testing {

/// How a command is run.
struct ProcessOptions {
  std::vector<std::string> environment{};      ///< "NAME=value": on top of what it inherits
  Inherited inherited{Inherited::everything};  ///< of this process's environment
  std::string input{};                         ///< its standard input
  std::string user{};                          ///< whom it runs as (only root may ask); empty: as this process
  std::string directory{"/"};                  ///< where it runs
  int lifeline{-1};                            ///< a descriptor that it gets as its descriptor 3; -1: none
};

/// What came of a command.
struct RunResult {
  int status{};        ///< in the shell's terms: 128 + N for signal N
  std::string output;  ///< standard output and standard error as one
};

/// Runs a command to its end.
///
/// Blocking: at most `timeout`; past it the command is killed.
/// Thread safety: any thread. The command gets no descriptor of this process but those that it is given.
/// Throws: std::system_error when it cannot be started; std::runtime_error when it does not end in time.
[[nodiscard]] RunResult run(std::vector<std::string> const &argv, ProcessOptions const &options = {},
                            std::chrono::milliseconds timeout = std::chrono::seconds{60});

/// The same for a command that has to succeed: its output.
///
/// Throws: std::runtime_error with the output, too, when its status is not zero.
[[nodiscard]] std::string run_checked(std::vector<std::string> const &argv, ProcessOptions const &options = {},
                                      std::chrono::milliseconds timeout = std::chrono::seconds{60});

}  // namespace pqlease::testing
