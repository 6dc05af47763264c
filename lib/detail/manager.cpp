#include "detail/manager.hpp"

#include "detail/notifications/courier.hpp"
#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <spdlog/fmt/fmt.h>

#include <new>
#include <utility>

namespace pqlease::detail {
namespace {

Options validated(Options options) {
  validate(options);
  return options;
}

std::uint64_t next_lineage() noexcept {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

bool is_live(Status status) noexcept { return status != Status::closed && status != Status::unknown; }

}  // namespace

Manager::Manager(std::unique_ptr<ConninfoSource> source, Options options)
    : lineage_{next_lineage()},
      options_{validated(std::move(options))},
      log_{options_.logger},
      source_{std::move(source)},
      queue_{{.max_waiters = options_.max_waiters, .hold_warning = options_.hold_warning},
             [this](Overdue const &overdue) { warn_of_hold(overdue); }},
      preparer_{statements_, *source_, log_},
      opener_{options_, *source_, preparer_, counters_, log_},
      reconnection_{options_, *source_, log_},
      blocks_{session_, *source_, options_.release_timeout} {}

Manager::~Manager() {
  delete successor_.load(std::memory_order_acquire);
  if (birth_.is_another()) {
    // A thread of the parent may have waited in it, and would be waited for.
    static_cast<void>(new (std::nothrow) std::shared_ptr{std::move(cancel_key_)});
    leave_courier();
  } else {
    reconnection_.outage().shut_down();
  }
}

std::shared_ptr<Manager> const &Manager::in_this_process(std::shared_ptr<Manager> const &manager) {
  auto const *found = &manager;
  while ((*found)->birth_.is_another()) found = &(*found)->successor();
  return *found;
}

Manager &Manager::known_in_this_process(std::shared_ptr<Manager> const &manager) noexcept {
  auto const *found = &manager;
  while ((*found)->birth_.is_another()) {
    auto const *const next = (*found)->successor_.load(std::memory_order_acquire);
    if (next == nullptr) break;
    found = next;
  }
  return **found;
}

// Nothing is looked at that a thread of the parent can have left half done: constants and atomics only, and the user's
// functions, which are copied.
std::shared_ptr<Manager> const &Manager::successor() {
  if (auto const *known = successor_.load(std::memory_order_acquire)) return *known;
  auto fresh =
      std::make_unique<std::shared_ptr<Manager> const>(std::make_shared<Manager>(source_->renewed(), options_));
  (*fresh)->counters_.inherited_epoch = epoch();
  (*fresh)->statements_.copy(statements_);
  (*fresh)->lineage_ = lineage_;
  if (queue_.is_shut_down()) (*fresh)->shut_down();
  std::shared_ptr<Manager> const *expected = nullptr;
  if (successor_.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *expected;
}

void Manager::require_lasting_session(std::string_view for_what) const {
  if (options_.pooling != Pooling::transaction) return;
  throw UsageError{fmt::format("{}: with Pooling::transaction no session lasts for {}", name(), for_what)};
}

Patience Manager::default_patience() const noexcept {
  auto const deadline =
      options_.lease_timeout.count() == 0 ? Deadline::never() : Deadline::after(options_.lease_timeout);
  return {.queue = deadline, .session = deadline};
}

void Manager::acquire(std::source_location where, Patience patience, std::stop_token const &stop) {
  LeaseRequest const request{.patience = patience, .stop = stop, .known = reconnection_.outage().ticket()};
  if (fails_fast(request) && acquire_at_once(where, request)) return;
  auto const answer = queue_.acquire(where, patience.queue, stop);
  if (answer.grant != Grant::granted) refuse(answer, where);
  start_lease(answer, request);
}

bool Manager::try_acquire(std::source_location where) {
  LeaseRequest const request{.patience = {.queue = Deadline::at({}), .session = Deadline::never()},
                             .stop = {},
                             .known = reconnection_.outage().ticket()};
  if (fails_fast(request) && acquire_at_once(where, request)) return true;
  auto const answer = queue_.acquire(where, request.patience.queue, {});
  if (answer.grant == Grant::taken) {
    Reconnection::throw_if(reconnection_.outage().down());  // the holder has no session either
    return false;
  }
  if (answer.grant != Grant::granted) refuse(answer, where);
  start_lease(answer, request);
  return true;
}

/// Whether this request must not wait, since the manager is down. What has another answer goes to the queue for it.
bool Manager::fails_fast(LeaseRequest const &request) const noexcept {
  return request.known.is_down() && options_.reconnect.mode == ReconnectMode::fail_fast && !queue_.is_shut_down() &&
         !request.stop.stop_requested() && queue_.holder_thread() != std::this_thread::get_id();
}

/// Takes the lease if an attempt is this request's to make. Returns false when the manager is not down any more.
bool Manager::acquire_at_once(std::source_location where, LeaseRequest const &request) {
  Reconnection::throw_if(reconnection_.outage().down_without_waiting());
  auto const answer = queue_.acquire(where, Deadline::at({}), {});
  if (answer.grant != Grant::granted) {
    Reconnection::throw_if(reconnection_.outage().down());
    return false;
  }
  start_lease(answer, request);
  return true;
}

void Manager::start_lease(Answer const &answer, LeaseRequest const &request) {
  session_.report_to(known_courier_.load(std::memory_order_acquire));
  try {
    make_ready(answer.holder, request);
  } catch (...) {
    publish();
    hand_over();
    throw;
  }
  granted_at_ = answer.holder.since;
  counters_.wait.record(answer.waited);
  if (answer.contended) ++counters_.leases_contended;
}

void Manager::refuse(Answer const &answer, std::source_location where) {
  auto const holder = describe(answer.holder, answer.waiters, Deadline::Clock::now());
  switch (answer.grant) {
  case Grant::taken:
    Reconnection::throw_if(reconnection_.outage().down());  // the holder has no session either
    ++counters_.leases_timed_out;
    throw LeaseTimeout{fmt::format("{}: no lease in time for {}: {}", name(), describe(where), holder)};
  case Grant::cancelled:
    ++counters_.leases_cancelled;
    throw LeaseCancelled{fmt::format("{}: the wait for a lease at {} was cancelled", name(), describe(where))};
  case Grant::crowded:
    ++counters_.leases_refused;
    throw TooManyWaiters{
        fmt::format("{}: too many wait for a lease, refused at {}: {}", name(), describe(where), holder)};
  case Grant::recursive:
    throw RecursiveLease{fmt::format("{}: asked for a lease at {} in the thread that holds the one taken at {}", name(),
                                     describe(where), describe(answer.holder.where))};
  default:
    throw ManagerClosed{fmt::format("{}: the manager is shut down; lease refused at {}", name(), describe(where))};
  }
}

void Manager::make_ready(Holder const &self, LeaseRequest const &request) {
  auto const look = session_.look();
  if (look != Liveness::closed) {
    if (still_fit(look, self.since, request.patience.session)) return;
    ++counters_.sessions_replaced;
  }
  session_.discard();
  await_turn(self.where, request);
  open(self.where, request);
  publish();
}

/// By the holder: waits until it is time for an attempt.
void Manager::await_turn(std::source_location where, LeaseRequest const &request) {
  auto &outage = reconnection_.outage();
  if (!outage.is_on()) return;
  queue_.excuse();
  auto const turn = outage.await_turn(request.known, request.patience.queue, request.stop);
  queue_.end_excuse();
  switch (turn) {
  case Turn::attempt:
    if (!request.patience.session.passed()) return;
    break;
  case Turn::down:
    break;
  case Turn::cancelled:
    refuse({.grant = Grant::cancelled}, where);
  case Turn::shut_down:
    refuse({.grant = Grant::shut_down}, where);
  }
  Reconnection::throw_if(outage.down());
}

/// By the holder. What ends the wait of its request ends the connecting, too.
void Manager::open(std::source_location where, LeaseRequest const &request) {
  Interrupt const interrupt;
  auto const trigger = [&interrupt] { interrupt.trigger(); };
  std::stop_callback const on_stop{request.stop, trigger};
  std::stop_callback const on_shutdown{closing_.get_token(), trigger};
  try {
    reconnection_.open(opener_, session_, request.patience.session, interrupt);
  } catch (Interrupted const &) {
    start_reconnecting();
    refuse({.grant = queue_.is_shut_down() ? Grant::shut_down : Grant::cancelled}, where);
  } catch (...) {
    start_reconnecting();
    throw;
  }
}

/// When leases are to fail fast, and no thread makes the attempts yet.
void Manager::start_reconnecting() {
  auto &outage = reconnection_.outage();
  if (!outage.claim_background()) return;
  try {
    reconnector_.start([outage = reconnection_.shared_outage(), weak = weak_from_this()] {
      while (outage->await_background_turn()) {
        auto const manager = weak.lock();
        if (!manager) return;
        manager->reconnect();
      }
    });
  } catch (...) {
    outage.decline_background();  // no memory or no thread for it: leases make the attempts
  }
}

/// In the background: one attempt, as the holder of the lease.
void Manager::reconnect() noexcept {
  auto &outage = reconnection_.outage();
  LeaseRequest const request{
      .patience = {.queue = Deadline::never(), .session = Deadline::never()}, .stop = {}, .known = outage.ticket()};
  auto const here = std::source_location::current();
  auto const answer = queue_.acquire(here, request.patience.queue, request.stop);
  if (answer.grant != Grant::granted) return outage.abandon_attempt();
  try {
    if (outage.is_on()) open(here, request);
  } catch (...) {
    // Logged, and the answer to whoever asks for a lease.
  }
  publish();
  hand_over();
}

bool Manager::still_fit(Liveness look, Deadline::Clock::time_point now, Deadline deadline) {
  if (!confirmed_alive(look, now, deadline)) {
    log_.write(Severity::info, fmt::format("{}: session found dead before a lease; opening another", name()));
    return false;
  }
  if (options_.require == Require::writable && session_.is_read_only()) {
    log_.write(Severity::warning, fmt::format("{}: session found read-only before a lease; opening another", name()));
    return false;
  }
  if (preparer_.is_done()) return true;
  require_time(deadline, "to prepare statements");
  auto const until = earliest(deadline, Deadline::after(options_.connect_timeout));
  if (!preparer_.prepare(session_, until).lost()) return true;
  log_.write(Severity::info,
             fmt::format("{}: session lost while statements were prepared for a lease; opening another", name()));
  return false;
}

bool Manager::confirmed_alive(Liveness look, Deadline::Clock::time_point now, Deadline deadline) {
  if (look == Liveness::lost) return false;
  if (look == Liveness::alive && now - last_used_ < options_.idle_probe_after) return true;
  require_time(deadline, "to ask whether the session is alive");
  return session_.probe(earliest(deadline, Deadline::after(options_.probe_timeout)));
}

// A deadline that has passed says nothing about the session: it is kept for the next lease.
void Manager::require_time(Deadline deadline, std::string_view purpose) {
  if (!deadline.passed()) return;
  ++counters_.leases_timed_out;
  throw LeaseTimeout{fmt::format("{}: no time was left {}", name(), purpose)};
}

void Manager::release(LeaseEnd const &end) {
  if (birth_.is_another()) return;
  auto const started = Deadline::Clock::now();
  auto const deadline = Deadline::at(started + options_.release_timeout);
  // First, or a cancel request could hit the ROLLBACK.
  bool const cancellable = cancel_key_ != nullptr;
  bool const cancel_pending = cancellable && !revoke_cancel_key(deadline);
  // Without a wait: libpqxx leaves the end of a COPY's answer unread.
  if (session_.status() == Status::active) static_cast<void>(session_.finish_reading(Deadline::at({})));
  SessionCondition const found{.status = session_.status(),
                               .transaction_registered = session_.has_registered_transaction(),
                               .close_requested = end.close_requested,
                               .cancel_pending = cancel_pending};
  auto const plan = plan_release(found, end.exit);
  auto const settled = settle(plan.action, deadline);
  count(plan, settled);
  bool const unchanged = settled == Settled::handed_over;
  publish(unchanged ? found.status : session_.status());
  hand_over(unchanged && !cancellable ? started : Deadline::Clock::now());
  report(end, found, plan.report, settled);
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
  if (birth_.is_another()) throw pqxx::broken_connection{"the lease was taken by the parent process"};
  if (!is_live(session_.status())) throw pqxx::broken_connection{name() + ": there is no session to cancel"};
  if (!cancel_key_) cancel_key_ = session_.make_cancel_key();
  if (!cancel_key_) throw UsageError{name() + ": libpq has no cancel key for this session"};
  return cancel_key_;
}

void Manager::roll_back() {
  if (birth_.is_another()) throw pqxx::broken_connection{"the lease was taken by the parent process"};
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
  // While down there is no session to close, and the holder of the lease may have to wait for long.
  bool const holds = queue_.holder_thread() == std::this_thread::get_id();
  if (!holds && !queue_.is_shut_down() && reconnection_.forget()) return;
  auto const answer = queue_.acquire(where, Deadline::never(), {});
  if (answer.grant != Grant::granted) refuse(answer, where);
  bool const was_open = session_.status() != Status::closed;
  session_.discard();
  publish();
  hand_over();
  if (was_open) log_.write(Severity::info, fmt::format("{}: session closed", name()));
}

void Manager::shut_down() noexcept {
  if (birth_.is_another()) return queue_.abandon();
  pause_.end();
  bool const alone = queue_.shut_down();
  reconnection_.outage().shut_down();
  closing_.request_stop();
  if (alone) {
    session_.discard();
    publish();
  }
  stop_courier();
}

void Manager::join_background() noexcept { reconnector_.join(); }

void Manager::hand_over(Deadline::Clock::time_point now) noexcept {
  last_used_ = now;
  if (granted_at_) counters_.hold.record(last_used_ - *std::exchange(granted_at_, std::nullopt));
  auto *const courier = known_courier_.load(std::memory_order_acquire);
  bool const call = courier != nullptr && courier->before_return(session_);
  auto const returned = queue_.release(last_used_);
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

Status Manager::status() const noexcept {
  if (birth_.is_another()) return Status::closed;
  auto const holder = queue_.holder_thread();
  if (holder == std::this_thread::get_id()) return session_.status();
  return holder == std::thread::id{} ? published_.load(std::memory_order_acquire) : Status::leased;
}

bool Manager::is_open() const noexcept {
  if (birth_.is_another()) return false;
  if (queue_.holder_thread() == std::this_thread::get_id()) return is_live(session_.status());
  return is_live(published_.load(std::memory_order_acquire));
}

}  // namespace pqlease::detail
