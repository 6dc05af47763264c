#pragma once

#include <chrono>
#include <cstddef>

namespace pqlease::detail {

/// How soon the courier looks after a session that it has opened: at once, unless those before did not last. What ends
/// every session (a failing server, a hasty administrator, a pooler that resents LISTEN) is not to be kept busy.
/// No clock.
class ReopenPace {
public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// A session has been opened in place of one whose loss was seen at `lost`. Returns when the courier may turn to it.
  [[nodiscard]] TimePoint opened(TimePoint lost, TimePoint now) noexcept;

private:
  TimePoint last_opened_{TimePoint::min()};  // none yet: long ago
  std::size_t short_lived_{0};               // so many in a row
};

}  // namespace pqlease::detail
