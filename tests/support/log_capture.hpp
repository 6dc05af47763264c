#pragma once

#include <spdlog/fwd.h>

#include <memory>
#include <string>
#include <vector>

namespace pqlease::testing {

/// A logger that keeps its lines, as "level: text", and prints them for whoever reads the test's output.
///
/// Thread safety: any thread.
class LogCapture {
public:
  LogCapture();

  /// For Options::logger.
  [[nodiscard]] std::shared_ptr<spdlog::logger> logger() const noexcept { return logger_; }

  [[nodiscard]] std::vector<std::string> lines() const;

  /// Whether some line has `text` in it.
  [[nodiscard]] bool contains(std::string const &text) const;

private:
  class Sink;
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace pqlease::testing
