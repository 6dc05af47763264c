#include "detail/manager.hpp"

#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <spdlog/fmt/fmt.h>

#include <utility>

namespace pqlease::detail {
namespace {

Options validated(Options options) {
  validate(options);
  return options;
}

bool is_live(Status status) noexcept { return status != Status::closed && status != Status::unknown; }

}  // namespace

Manager::Manager(std::unique_ptr<ConninfoSource> source, Options options)
    : options_{validated(std::move(options))},
      log_{options_.logger},
      source_{std::move(source)},
      queue_{options_.max_waiters},
      opener_{options_, *source_, counters_, log_} {}

Patience Manager::default_patience() const noexcept {
  auto const deadline =
      options_.lease_timeout.count() == 0 ? Deadline::never() : Deadline::after(options_.lease_timeout);
  return {.queue = deadline, .session = deadline};
}

void Manager::acquire(std::source_location where, Patience patience, std::stop_token const &stop) {
  auto const answer = queue_.acquire(where, patience.queue, stop);
  if (answer.grant != Grant::granted) refuse(answer, where);
  start_lease(answer, patience.session);
}

bool Manager::try_acquire(std::source_location where) {
  auto const answer = queue_.acquire(where, Deadline::at({}), {});
  if (answer.grant == Grant::taken) return false;
  if (answer.grant != Grant::granted) refuse(answer, where);
  start_lease(answer, Deadline::never());
  return true;
}

void Manager::start_lease(Answer const &answer, Deadline deadline) {
  try {
    make_ready(deadline);
  } catch (...) {
    hand_over();
    throw;
  }
  ++counters_.leases_granted;
  if (answer.waited) ++counters_.leases_contended;
}

void Manager::refuse(Answer const &answer, std::source_location where) {
  auto const holder = describe(answer.holder, answer.waiters, Deadline::Clock::now());
  switch (answer.grant) {
  case Grant::taken:
    ++counters_.leases_timed_out;
    throw LeaseTimeout{fmt::format("{}: no lease in time for {}: {}", name(), describe(where), holder)};
  case Grant::cancelled:
    ++counters_.leases_cancelled;
    throw LeaseCancelled{fmt::format("{}: the wait for a lease at {} was cancelled", name(), describe(where))};
  case Grant::crowded:
    throw TooManyWaiters{
        fmt::format("{}: too many wait for a lease, refused at {}: {}", name(), describe(where), holder)};
  case Grant::recursive:
    throw RecursiveLease{fmt::format("{}: asked for a lease at {} in the thread that holds the one taken at {}", name(),
                                     describe(where), describe(answer.holder.where))};
  default:
    throw ManagerClosed{fmt::format("{}: the manager is shut down; lease refused at {}", name(), describe(where))};
  }
}

void Manager::make_ready(Deadline deadline) {
  auto const look = session_.look();
  if (look != Liveness::closed) {
    if (confirmed_alive(look, deadline)) return;
    ++counters_.sessions_replaced;
    log_.write(Severity::info, fmt::format("{}: session found dead before a lease; opening another", name()));
  }
  session_.discard();
  opener_.open(session_, deadline);
  publish();
}

bool Manager::confirmed_alive(Liveness look, Deadline deadline) {
  if (look == Liveness::lost) return false;
  auto const idle_for = Deadline::Clock::now() - last_used_;
  if (look == Liveness::alive && idle_for < options_.idle_probe_after) return true;
  // A deadline that has passed says nothing about the session: it is kept for the next lease.
  if (deadline.passed()) {
    ++counters_.leases_timed_out;
    throw LeaseTimeout{fmt::format("{}: no time was left to ask whether the session is alive", name())};
  }
  return session_.probe(earliest(deadline, Deadline::after(options_.probe_timeout)));
}

void Manager::release(LeaseEnd const &end) {
  auto const deadline = Deadline::after(options_.release_timeout);
  // First, or a cancel request could hit the ROLLBACK.
  bool const cancel_pending = cancel_key_ && !revoke_cancel_key(deadline);
  SessionCondition const found{.status = session_.status(),
                               .transaction_registered = session_.has_registered_transaction(),
                               .close_requested = end.close_requested,
                               .cancel_pending = cancel_pending};
  auto const plan = plan_release(found, end.exit);
  auto const settled = settle(plan.action, deadline);
  count(plan, settled);
  hand_over();
  report(end, found, plan.report, settled);
}

bool Manager::revoke_cancel_key(Deadline deadline) noexcept {
  return std::exchange(cancel_key_, nullptr)->revoke(deadline);
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
  bool const leaked = plan.report == ReleaseReport::leak_logged || plan.report == ReleaseReport::leak_thrown;
  if (leaked) ++counters_.leaks;
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
  case ReleaseReport::leak_logged:
    return log_.write(Severity::warning, fmt::format("{}: {}", name(), describe_leak(found, settled, end.taken)));
  case ReleaseReport::leak_thrown:
    throw UncommittedTransaction{fmt::format("{}: {}", name(), describe_leak(found, settled, end.taken)), end.taken};
  }
}

std::shared_ptr<CancelKey> Manager::cancel_key() {
  if (!is_live(session_.status())) throw pqxx::broken_connection{name() + ": there is no session to cancel"};
  if (!cancel_key_) cancel_key_ = session_.make_cancel_key();
  if (!cancel_key_) throw UsageError{name() + ": libpq has no cancel key for this session"};
  return cancel_key_;
}

void Manager::roll_back() {
  if (session_.has_registered_transaction()) {
    throw UsageError{
        fmt::format("{}: rollback() with a transaction object alive: abort or destroy that instead", name())};
  }
  if (session_.status() == Status::idle) return;
  auto const deadline = Deadline::after(options_.release_timeout);
  // Or a cancel request could hit the ROLLBACK.
  bool const undisturbed = !cancel_key_ || cancel_key_->suspend(deadline);
  auto const plan = plan_release({.status = session_.status(), .cancel_pending = !undisturbed}, Exit::unwinding);
  auto const settled = settle(plan.action, deadline);
  if (cancel_key_ && undisturbed) cancel_key_->resume();
  if (settled == Settled::closed)
    throw pqxx::broken_connection{name() + ": the session was lost; nothing is in progress"};
}

void Manager::close(std::source_location where) {
  auto const answer = queue_.acquire(where, Deadline::never(), {});
  if (answer.grant != Grant::granted) refuse(answer, where);
  bool const was_open = session_.status() != Status::closed;
  session_.discard();
  hand_over();
  if (was_open) log_.write(Severity::info, fmt::format("{}: session closed", name()));
}

void Manager::shut_down() noexcept {
  if (!queue_.shut_down()) return;
  session_.discard();
  publish();
}

void Manager::hand_over() noexcept {
  publish();
  last_used_ = Deadline::Clock::now();
  if (!queue_.release()) return;
  session_.discard();
  publish();
}

void Manager::publish() noexcept { published_.store(session_.status(), std::memory_order_release); }

Status Manager::status() const noexcept {
  auto const holder = queue_.holder_thread();
  if (holder == std::this_thread::get_id()) return session_.status();
  return holder == std::thread::id{} ? published_.load(std::memory_order_acquire) : Status::leased;
}

bool Manager::is_open() const noexcept {
  if (queue_.holder_thread() == std::this_thread::get_id()) return is_live(session_.status());
  return is_live(published_.load(std::memory_order_acquire));
}

}  // namespace pqlease::detail
