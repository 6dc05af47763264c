#pragma once

#include <chrono>
#include <cstdint>

namespace pqlease::detail {

/// What the courier sees when it looks up.
struct CourierView {
  using TimePoint = std::chrono::steady_clock::time_point;

  bool stopping{false};       ///< the manager is shut down
  bool has_events{false};     ///< something waits to be told
  bool has_told{false};       ///< since it has told something, it has only waited
  bool has_steps{false};      ///< channels are to be listened to, or no more
  bool wants_session{false};  ///< there has to be a session, whether or not anybody takes a lease
  bool is_open{false};        ///< there is one, as of the last lease
  bool has_input{false};      ///< the server has said something, and nobody held the lease then
  bool is_leased{false};      ///< somebody holds the lease
  bool was_leased{false};     ///< a lease has ended since the last look

  TimePoint now{};
  TimePoint not_before{};                ///< the back-off after a failure, and between sessions that do not last
  TimePoint retry_at{TimePoint::max()};  ///< a channel that was refused is due
  TimePoint probe_at{TimePoint::max()};  ///< the session is to be asked whether it is alive
};

/// What it does next.
enum class CourierStep : std::uint8_t {
  stop,
  dispatch,  ///< tells the handlers
  visit,     ///< takes the lease, if it can be had
  nap,       ///< a busy session: it looks again in a moment, since a wake-up by each lease would cost too much
  doze,      ///< a long lease: whoever ends it wakes the courier
  watch,     ///< an idle session: waits for what the server says
};

struct CourierPlan {
  CourierStep step{CourierStep::stop};
  CourierView::TimePoint until{};  ///< of a wait; any wait ends early when the courier is woken

  friend bool operator==(CourierPlan const &, CourierPlan const &) = default;
};

/// How long the session counts as busy after a lease.
inline constexpr std::chrono::milliseconds nap_length{5};

/// How long an idle session is left alone before it has to prove that it is alive.
[[nodiscard]] std::chrono::milliseconds probe_interval(std::chrono::milliseconds idle_probe_after) noexcept;

/// One decision; no clock, no I/O.
[[nodiscard]] CourierPlan plan_courier(CourierView const &view) noexcept;

}  // namespace pqlease::detail
