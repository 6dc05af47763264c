#include "detail/log.hpp"

#include <spdlog/spdlog.h>

namespace pqlease::detail {
namespace {

spdlog::level::level_enum level_of(Severity severity) noexcept {
  switch (severity) {
  case Severity::info:
    return spdlog::level::info;
  case Severity::warning:
    return spdlog::level::warn;
  case Severity::error:
    break;
  }
  return spdlog::level::err;
}

// Looked up for every line, so that a logger registered late is found; lines are rare.
std::shared_ptr<spdlog::logger> registered_logger() {
  auto named = spdlog::get("pqlease");
  return named ? named : spdlog::default_logger();
}

}  // namespace

void Log::write(Severity severity, std::string_view line) const noexcept {
  try {
    auto const logger = logger_ ? logger_ : registered_logger();
    if (logger) logger->log(level_of(severity), line);
  } catch (...) {
    // A line is lost; the session and the exception in flight are not.
  }
}

}  // namespace pqlease::detail
