// The part of Manager that takes the session back: settles it, hands it on, and tells of what was wrong.

#include "detail/manager.hpp"
#include "detail/notifications/courier.hpp"
#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace pqlease::detail {

[[gnu::hot]] void Manager::release(LeaseEnd const &end) {
  if (birth_.is_another()) return;
  auto const started = Deadline::Clock::now();
  auto const deadline = Deadline::at(started + options_.release_timeout);
  // First, or a cancel request could hit the ROLLBACK.
  bool const cancellable = cancel_key_ != nullptr;
  bool const cancel_pending = cancellable && !revoke_cancel_key(deadline);
  auto status = session_.status();
  if (status == Status::active) {
    // Without a wait: libpqxx leaves the end of a COPY's answer unread.
    static_cast<void>(session_.finish_reading(Deadline::at({})));
    status = session_.status();
  }
  SessionCondition const found{.status = status,
                               .transaction_registered = session_.has_registered_transaction(),
                               .close_requested = end.close_requested,
                               .cancel_pending = cancel_pending};
  auto const plan = plan_release(found);
  auto const settled = settle(plan.action, deadline);
  count(plan, settled);
  bool const unchanged = settled == Settled::handed_over;
  publish(unchanged ? found.status : session_.status());
  hand_over(end.use, unchanged && !cancellable ? started : Deadline::Clock::now());
  if (plan.report != ReleaseReport::none) report(end, found, plan.report, settled);
}

bool Manager::revoke_cancel_key(Deadline deadline) noexcept {
  auto const key = std::exchange(cancel_key_, nullptr);
  bool const revoked = key->revoke(deadline);
  counters_.cancels_sent += key->requests_taken();
  return revoked;
}

Settled Manager::settle(ReleaseAction action, Deadline deadline) noexcept {
  switch (action) {
  case ReleaseAction::hand_over:
    return Settled::handed_over;
  case ReleaseAction::roll_back:
    if (session_.roll_back(deadline)) return Settled::rolled_back;
    break;
  case ReleaseAction::drain:
    if (session_.drain(deadline)) return Settled::rolled_back;
    break;
  case ReleaseAction::quarantine:
    session_.quarantine();
    return Settled::quarantined;
  case ReleaseAction::close:
    break;
  }
  session_.close();
  return Settled::closed;
}

void Manager::count(ReleasePlan const &plan, Settled settled) noexcept {
  bool const asked_for = plan.report == ReleaseReport::closed;
  if (plan.report == ReleaseReport::leak) ++counters_.leaks;
  if (settled == Settled::rolled_back) ++counters_.forced_rollbacks;
  if (settled == Settled::quarantined) ++counters_.quarantined;
  if (settled == Settled::quarantined || (settled == Settled::closed && !asked_for)) ++counters_.forced_closes;
}

void Manager::report(LeaseEnd const &end, SessionCondition const &found, ReleaseReport report, Settled settled) {
  switch (report) {
  case ReleaseReport::none:
    return;
  case ReleaseReport::closed:
    return log_.write(Severity::info, fmt::format("{}: session closed", name()));
  case ReleaseReport::lost:
    return log_.write(Severity::warning,
                      fmt::format("{}: session lost during the lease taken at {}", name(), describe(end.taken)));
  case ReleaseReport::cancel_late:
    return log_.write(Severity::warning,
                      fmt::format("{}: a cancel request for the lease taken at {} was still under way when the lease "
                                  "ended; session closed",
                                  name(), describe(end.taken)));
  case ReleaseReport::leak:
    break;
  }
  auto const leak = fmt::format("{}: {}", name(), describe_leak(found, settled, end.taken));
  if (end.exit.may_throw()) throw UncommittedTransaction{leak, end.taken};
  log_.write(Severity::warning, leak);
}

[[gnu::hot]] void Manager::hand_over(Use use, Deadline::Clock::time_point now) noexcept {
  last_used_ = now;
  if (granted_at_) counters_.hold.record(last_used_ - *std::exchange(granted_at_, std::nullopt));
  auto *const courier = known_courier_.load(std::memory_order_acquire);
  bool const call = courier != nullptr && courier->before_return(session_);
  auto const returned = queue_.release(use, last_used_);
  if (returned.shut_down) {
    session_.discard();
    publish();
  }
  if (courier != nullptr) courier->after_return(call);
  if (returned.was_overdue) tell_return(returned, now);
}

// Both are called where nothing may be thrown; for want of memory a line is lost.
void Manager::warn_of_hold(Overdue const &overdue) noexcept try {
  ++counters_.hold_warnings;
  log_.write(Severity::warning, fmt::format("{}: a lease is held for long: {}", name(),
                                            describe(overdue.holder, overdue.waiters, Deadline::Clock::now())));
} catch (...) {}

void Manager::tell_return(Returned const &returned, Deadline::Clock::time_point now) const noexcept try {
  auto const held = std::chrono::duration_cast<std::chrono::milliseconds>(now - returned.holder.since);
  log_.write(Severity::warning, fmt::format("{}: the lease taken at {} has come back after {} ms", name(),
                                            describe(returned.holder.where), held.count()));
} catch (...) {}

}  // namespace pqlease::detail
