#pragma once

#include <spdlog/fwd.h>

#include <memory>
#include <string>
#include <string_view>

namespace pqlease::detail {

/// How loud a line is.
enum class Severity {
  info,
  warning,
  error,
};

/// The one way out to spdlog.
///
/// Thread safety: any thread. Nothing thrown by a logger or a sink comes through; no mutex of this library may be held.
class Log {
public:
  explicit Log(std::shared_ptr<spdlog::logger> logger) noexcept : logger_{std::move(logger)} {}

  /// Writes one line. Without a logger of its own, to the registered logger "pqlease", else to spdlog's default.
  void write(Severity severity, std::string_view line) const noexcept;

private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace pqlease::detail
