#include <pqlease/options.hpp>

#include "detail/ranges.hpp"

namespace pqlease {
namespace {

using namespace std::chrono_literals;
using detail::require_factor;
using detail::require_range;

constexpr auto *of = "Options";

void require_sendable(char const *name, std::map<std::string, std::string> const &parameters) {
  for (auto const &[parameter, value] : parameters) {
    if (parameter.empty()) throw InvalidOption{name, "has a parameter without a name"};
    bool const cut_short = parameter.find('\0') != std::string::npos || value.find('\0') != std::string::npos;
    if (cut_short) throw InvalidOption{name, "has a NUL character in it"};
  }
}

void require_a_session_of_its_own(char const *name, Options const &options) {
  if (options.pooling != Pooling::transaction) return;
  throw InvalidOption{name, "is not for Pooling::transaction: the next transaction has another session"};
}

}  // namespace

void validate(Options const &options) {
  require_range(of, "connect_timeout", options.connect_timeout, 1ms);
  require_range(of, "lease_timeout", options.lease_timeout, 0ms);
  require_range(of, "idle_probe_after", options.idle_probe_after, 0ms);
  require_range(of, "probe_timeout", options.probe_timeout, 1ms);
  require_range(of, "release_timeout", options.release_timeout, 0ms);
  require_range(of, "hold_warning", options.hold_warning, 0ms);
  require_range(of, "reconnect.initial_delay", options.reconnect.initial_delay, 0ms);
  require_range(of, "reconnect.max_delay", options.reconnect.max_delay, options.reconnect.initial_delay);
  require_factor(of, "reconnect.factor", options.reconnect.factor);
  require_sendable("session_parameters", options.session_parameters);
  if (!options.session_parameters.empty()) require_a_session_of_its_own("session_parameters", options);
}

}  // namespace pqlease
