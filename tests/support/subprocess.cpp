#include "support/subprocess.hpp"

#include "support/detail/child_process.hpp"

#include <stdexcept>

namespace pqlease::testing {

namespace {

std::string joined(std::vector<std::string> const &argv) {
  std::string result;
  for (auto const &argument : argv) result += (result.empty() ? "" : " ") + argument;
  return result;
}

}  // namespace

RunResult run(std::vector<std::string> const &argv, ProcessOptions const &options, std::chrono::milliseconds timeout) {
  ChildProcess command{argv, options};
  auto const status = command.wait(timeout);
  if (status) return {*status, command.output()};
  throw std::runtime_error{joined(argv) + ": killed, as it did not end within " + std::to_string(timeout.count()) +
                           " ms; it printed:\n" + command.output()};
}

std::string run_checked(std::vector<std::string> const &argv, ProcessOptions const &options,
                        std::chrono::milliseconds timeout) {
  auto result = run(argv, options, timeout);
  if (result.status == 0) return std::move(result.output);
  throw std::runtime_error{joined(argv) + ": ended with status " + std::to_string(result.status) + "; it printed:\n" +
                           result.output};
}

}  // namespace pqlease::testing
