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

}  // namespace

void validate(Options const &options) {
  require_range("connect_timeout", options.connect_timeout, 1ms);
  require_range("lease_timeout", options.lease_timeout, 0ms);
  require_range("idle_probe_after", options.idle_probe_after, 0ms);
  require_range("probe_timeout", options.probe_timeout, 1ms);
  require_range("release_timeout", options.release_timeout, 0ms);
  require_range("hold_warning", options.hold_warning, 0ms);
}

}  // namespace pqlease
