// The part of Manager that hands the session out: queues for it, opens it, and replaces a dead one.

#include "detail/manager.hpp"
#include "detail/notifications/courier.hpp"
#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

namespace pqlease::detail {

[[gnu::hot]] void Manager::acquire(std::source_location where, Patience patience, std::stop_token const &stop) {
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

[[gnu::hot]] void Manager::start_lease(Answer const &answer, LeaseRequest const &request) {
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

[[gnu::hot]] void Manager::make_ready(Holder const &self, LeaseRequest const &request) {
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

[[gnu::hot]] bool Manager::still_fit(Liveness look, Deadline::Clock::time_point now, Deadline deadline) {
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

[[gnu::hot]] bool Manager::confirmed_alive(Liveness look, Deadline::Clock::time_point now, Deadline deadline) {
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

}  // namespace pqlease::detail
