#include <pqlease/options.hpp>

#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

namespace pqlease {
namespace {

using namespace std::chrono_literals;

// Long enough for any session, short enough that no sum of time points can overflow.
constexpr std::chrono::milliseconds longest = 24h;

void require_range(char const *name, std::chrono::milliseconds value, std::chrono::milliseconds least) {
  if (value < least || value > longest) {
    throw InvalidOption{name, fmt::format("is {} ms; it must lie between {} ms and {} ms", value.count(), least.count(),
                                          longest.count())};
  }
}

void require_factor(char const *name, double value) {
  // NaN compares as neither.
  if (!(value >= 1.0 && value <= 100.0)) {
    throw InvalidOption{name, fmt::format("is {}; it must lie between 1 and 100", value)};
  }
}

void require_sendable(char const *name, std::map<std::string, std::string> const &parameters) {
  for (auto const &[parameter, value] : parameters) {
    if (parameter.empty()) throw InvalidOption{name, "has a parameter without a name"};
    bool const cut_short = parameter.find('\0') != std::string::npos || value.find('\0') != std::string::npos;
    if (cut_short) throw InvalidOption{name, "has a NUL character in it"};
  }
}

}  // namespace

void validate(Options const &options) {
  require_range("connect_timeout", options.connect_timeout, 1ms);
  require_range("lease_timeout", options.lease_timeout, 0ms);
  require_range("idle_probe_after", options.idle_probe_after, 0ms);
  require_range("probe_timeout", options.probe_timeout, 1ms);
  require_range("release_timeout", options.release_timeout, 0ms);
  require_range("hold_warning", options.hold_warning, 0ms);
  require_range("reconnect.initial_delay", options.reconnect.initial_delay, 0ms);
  require_range("reconnect.max_delay", options.reconnect.max_delay, options.reconnect.initial_delay);
  require_factor("reconnect.factor", options.reconnect.factor);
  require_sendable("session_parameters", options.session_parameters);
}

}  // namespace pqlease
