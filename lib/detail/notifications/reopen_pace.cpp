#include "detail/notifications/reopen_pace.hpp"

#include "detail/backoff.hpp"

namespace pqlease::detail {
namespace {

using namespace std::chrono_literals;

constexpr Backoff between_sessions{.initial_delay = 100ms, .factor = 2, .max_delay = 5s, .jitter = Jitter::none};
// Beyond the delay that it was left alone for.
constexpr std::chrono::seconds long_enough{1};

}  // namespace

ReopenPace::TimePoint ReopenPace::opened(TimePoint lost, TimePoint now) noexcept {
  auto const lasted = last_opened_ + between_sessions.ceiling(short_lived_) + long_enough;
  short_lived_ = lost >= lasted ? 0 : short_lived_ + 1;
  last_opened_ = now;
  return now + std::chrono::duration_cast<TimePoint::duration>(between_sessions.ceiling(short_lived_));
}

}  // namespace pqlease::detail
