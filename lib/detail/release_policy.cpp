#include "detail/release_policy.hpp"

namespace pqlease::detail {
namespace {

ReleaseAction action_for_leak(SessionCondition const &found) noexcept {
  if (found.transaction_registered) return ReleaseAction::quarantine;
  if (found.close_requested || found.cancel_pending) return ReleaseAction::close;
  return found.status == Status::active ? ReleaseAction::drain : ReleaseAction::roll_back;
}

bool is_leak(SessionCondition const &found) noexcept {
  return found.transaction_registered || found.status == Status::active || found.status == Status::in_transaction ||
         found.status == Status::in_error;
}

}  // namespace

[[gnu::hot]] ReleasePlan plan_release(SessionCondition const &found) noexcept {
  if (is_leak(found)) return {action_for_leak(found), ReleaseReport::leak};
  if (found.status == Status::closed) return {ReleaseAction::close, ReleaseReport::closed};
  if (found.status != Status::idle) return {ReleaseAction::close, ReleaseReport::lost};
  if (found.close_requested) return {ReleaseAction::close, ReleaseReport::closed};
  if (found.cancel_pending) return {ReleaseAction::close, ReleaseReport::cancel_late};
  return {ReleaseAction::hand_over, ReleaseReport::none};
}

}  // namespace pqlease::detail
