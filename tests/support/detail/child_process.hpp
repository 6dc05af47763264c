#pragma once

#include "support/detail/unique_fd.hpp"
#include "support/subprocess.hpp"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pqlease::testing {

/// A command that runs beside this process, in a process group of its own; what it prints is gathered.
/// The group is killed when this object ends before the command.
///
/// Thread safety: none.
class ChildProcess {
public:
  /// Throws: std::system_error when the command cannot be started.
  explicit ChildProcess(std::vector<std::string> const &argv, ProcessOptions const &options = {});
  ChildProcess(ChildProcess const &) = delete;
  ChildProcess &operator=(ChildProcess const &) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void send_signal(int signal) const;

  /// Reads until the output contains `text`; false when the command or `timeout` ends before that.
  [[nodiscard]] bool wait_for_output(std::string_view text, std::chrono::milliseconds timeout);

  /// The status in the shell's terms (128 + N for signal N); nothing when `timeout` ends first.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds timeout);

  /// Standard output and standard error as one, as far as read.
  [[nodiscard]] std::string const &output() const noexcept { return text_; }

private:
  void read_for(std::chrono::milliseconds longest);
  void read_what_is_there();
  [[nodiscard]] bool has_ended();

  pid_t pid_{-1};
  UniqueFd output_{};  ///< empty once its end was read
  std::string text_{};
  std::optional<int> status_{};  ///< set once reaped: the id may belong to another process from then on
};

}  // namespace pqlease::testing
