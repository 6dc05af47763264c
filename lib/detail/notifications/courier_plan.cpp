#include "detail/notifications/courier_plan.hpp"

#include <algorithm>

namespace pqlease::detail {
namespace {

using TimePoint = CourierView::TimePoint;

/// Whether the lease has to be taken as soon as that is allowed.
bool has_errand(CourierView const &view) noexcept {
  return view.has_steps || view.has_input || (view.wants_session && !view.is_open) ||
         (view.is_open && view.probe_at <= view.now);
}

}  // namespace

// A round trip now and then, for a peer that has vanished without a word; far less often than the leases' own.
std::chrono::milliseconds probe_interval(std::chrono::milliseconds idle_probe_after) noexcept {
  return std::max<std::chrono::milliseconds>(100 * idle_probe_after, std::chrono::seconds{10});
}

CourierPlan plan_courier(CourierView const &view) noexcept {
  if (view.stopping) return {CourierStep::stop};
  bool const errand = has_errand(view);
  bool const is_due = errand && view.not_before <= view.now;
  // Slow handlers do not hold up an errand for longer than one call of theirs, nor does a long lease hold up the
  // handlers.
  bool const long_lease = view.is_leased && !view.was_leased;
  bool const errand_first = is_due && view.has_told && !long_lease;
  if (view.has_events && !errand_first) return {CourierStep::dispatch};
  if (is_due) return {CourierStep::visit};
  if (view.was_leased) return {CourierStep::nap, view.now + nap_length};
  if (view.is_leased) return {CourierStep::doze, TimePoint::max()};
  // An errand that has to wait leaves the socket alone: it would be readable all the time.
  if (errand) return {CourierStep::doze, view.not_before};
  if (!view.is_open) return {CourierStep::watch, view.retry_at};
  return {CourierStep::watch, std::min(view.retry_at, view.probe_at)};
}

}  // namespace pqlease::detail
