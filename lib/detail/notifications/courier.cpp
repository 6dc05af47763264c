#include "detail/notifications/courier.hpp"

#include "detail/manager.hpp"
#include "detail/notifications/channel_name.hpp"
#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace pqlease::detail {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

// What waits for slow handlers.
constexpr std::size_t most_bytes = std::size_t{16} << 20U;
constexpr std::chrono::seconds refused_again_after{1};
constexpr std::chrono::milliseconds shortest_back_off{100};
constexpr std::chrono::seconds longest_doze{1};

/// A lease of this library's own, in which nothing is left behind.
class Visit {
public:
  Visit(Manager &manager, Patience const &patience, std::source_location where) : manager_{manager}, where_{where} {
    manager_.acquire(where_, patience, {});
  }
  ~Visit() {
    try {
      manager_.release({.taken = where_, .exit = Exit::unwinding()});
    } catch (...) {
      // Only a message can fail here, for want of memory.
    }
  }
  Visit(Visit const &) = delete;
  Visit &operator=(Visit const &) = delete;

private:
  Manager &manager_;
  std::source_location where_;
};

std::string text_of_current_exception() {
  try {
    throw;
  } catch (std::exception const &known) {
    return known.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace

Courier::Courier(Manager &manager, Options const &options, Counters &counters, Log const &log)
    : manager_{manager},
      options_{options},
      counters_{counters},
      log_{log},
      epoch_{manager.epoch()},
      events_{most_bytes} {}

// ----------------------------------------------------------------------------------------------------------------------
// By anybody.

void Courier::start(std::shared_ptr<Manager> manager) {
  thread_.start([self = shared_from_this(), keep = std::move(manager)] {
    self->run();
    self->finish();
  });
}

void Courier::stop() noexcept {
  stopping_ = true;
  wake_.ring();
  thread_.join();
  if (std::this_thread::get_id() == thread_id_) return;  // a handler cannot wait for itself
  MutexLock lock{mutex_};
  while (!ended_) end_.wait(lock.native());
}

Subscription Courier::subscribe(std::string channel, Observer::Handler handler) {
  auto const observer = std::make_shared<Observer>(std::move(channel), std::move(handler));
  Subscription subscription{observer, weak_from_this()};
  bool listened = false;
  {
    MutexLock const lock{mutex_};
    if (!stopping_) listened = book_.add(observer, events_.last_sequence());
  }
  if (stopping_) throw ManagerClosed{manager_.name() + ": the manager is shut down; handler refused"};
  if (!listened) listen_now(*observer);
  return subscription;
}

void Courier::listen_now(Observer const &observer) {
  try {
    if (!manager_.is_held_here()) {
      Visit const visit{manager_, manager_.default_patience(), std::source_location::current()};
      static_cast<void>(synchronise());
    } else if (manager_.is_idle_here()) {
      static_cast<void>(synchronise());
    }
  } catch (ManagerClosed const &) {
    throw;
  } catch (Error const &) {
    // No lease, or no session: the thread goes on trying.
  }
  bool listened = false;
  {
    MutexLock const lock{mutex_};
    listened = book_.nothing_promised(observer);
  }
  if (!listened) wake_.ring();
}

void Courier::forget(Observer const &observer) noexcept {
  if (birth_.is_another()) return;
  {
    MutexLock const lock{mutex_};
    book_.remove(observer);
  }
  wake_.ring();
}

/// What somebody has taken off the connection by hand, maybe one that was moved away; not a word from an older session.
LateNotification Courier::late_notification() {
  return [weak = weak_from_this(), epoch = manager_.epoch()](char const *channel, char const *payload, int pid) {
    auto const self = weak.lock();
    if (!self || self->birth_.is_another()) return;
    {
      MutexLock const lock{self->mutex_};
      bool const is_late = self->epoch_.load(std::memory_order_relaxed) != epoch;
      if (is_late || !self->store(channel, payload, pid)) return;
    }
    self->wake_.ring();
  };
}

/// Returns whether the thread has to know. What comes while LISTEN is under way is dropped: so may libpqxx have done
/// with what came just after it, since it has no handler then, and the gap that is told next is for both.
bool Courier::store(char const *channel, char const *payload, int backend_pid) noexcept try {
  if (!book_.is_heard(channel)) return false;
  events_.push({.channel = channel, .payload = payload, .backend_pid = backend_pid});
  return true;
} catch (...) {
  out_of_memory_ = true;
  return true;
}

// ----------------------------------------------------------------------------------------------------------------------
// By the holder of the lease.

void Courier::take(char const *channel, char const *payload, int backend_pid) noexcept {
  MutexLock const lock{mutex_};
  call_ |= store(channel, payload, backend_pid);
}

bool Courier::before_return(Session &session) noexcept {
  session.report_to(this);
  session.collect();
  note(session);
  return std::exchange(call_, false);
}

void Courier::note(Session const &session) noexcept {
  auto const epoch = manager_.epoch();
  auto const socket = session.socket();
  bool const is_another = epoch != epoch_.load(std::memory_order_relaxed);
  if (!is_another && socket == socket_.load(std::memory_order_relaxed)) return;
  call_ = true;
  epoch_.store(epoch, std::memory_order_relaxed);
  socket_.store(socket, std::memory_order_relaxed);
  if (!is_another) return;
  MutexLock const lock{mutex_};
  book_.session_opened();
  if (epoch == counters_.inherited_epoch + 1) return;
  try {
    events_.push_reopened();
  } catch (...) {
    out_of_memory_ = true;
  }
}

void Courier::after_return(bool call) noexcept {
  turns_.fetch_add(1, std::memory_order_seq_cst);
  // Read by each lease, written by few.
  if (!asked_.load(std::memory_order_seq_cst) && !call) return;
  asked_.store(false, std::memory_order_relaxed);
  wake_.ring();
}

/// Makes the session listen to what it should. Returns false when the session was lost over it.
bool Courier::synchronise() {
  auto &session = manager_.session();
  session.report_to(this);
  note(session);
  for (;;) {
    std::optional<ChannelStep> step;
    {
      MutexLock const lock{mutex_};
      step = book_.next_step(Clock::now());
    }
    if (!step) return true;
    if (!carry_out(session, *step)) {
      session.close();
      return false;
    }
  }
}

bool Courier::carry_out(Session &session, ChannelStep const &step) {
  auto const &channel = step.channel;
  auto const deadline = Deadline::after(options_.probe_timeout);
  bool const listen = step.kind == ChannelStep::Kind::listen;
  auto const reply =
      listen ? session.listen(channel, late_notification(), deadline) : session.unlisten(channel, deadline);
  if (reply.lost()) return false;
  if (!listen) return true;
  bool is_news = false;
  {
    MutexLock const lock{mutex_};
    if (!reply.carried_out()) {
      is_news = book_.refused(channel, Clock::now() + refused_again_after);
    } else if (book_.listened_to(channel, events_.last_sequence())) {
      events_.push_gap(channel);
      call_ = true;
    }
  }
  if (is_news) {
    log_.write(Severity::warning, fmt::format("{}: the server refuses LISTEN {}, and is asked again every second: {}",
                                              manager_.name(), quoted_channel(channel), reply.message));
  }
  return true;
}

// ----------------------------------------------------------------------------------------------------------------------
// The thread.

void Courier::run() noexcept {
  thread_id_ = std::this_thread::get_id();
  if (manager_.is_open()) visit();  // opened by a lease that this has seen nothing of
  while (!stopping_ && !birth_.is_another()) {
    try {
      do_next();
    } catch (...) {
      // For want of memory; it is tried again, but not at once.
      static_cast<void>(wake_.wait(-1, Deadline::after(shortest_back_off)));
    }
  }
}

void Courier::finish() noexcept {
  if (birth_.is_another()) return;
  MutexLock const lock{mutex_};
  book_.clear();
  events_.clear();
  ended_ = true;
  end_.notify_all();
}

void Courier::do_next() {
  auto const plan = plan_courier(look());
  switch (plan.step) {
  case CourierStep::stop:
    return;
  case CourierStep::dispatch:
    return dispatch();
  case CourierStep::visit:
    return visit();
  case CourierStep::nap:
    static_cast<void>(wake_.wait(-1, Deadline::at(plan.until)));
    return;
  case CourierStep::doze:
    return doze(plan.until);
  case CourierStep::watch:
    return watch(plan.until);
  }
}

CourierView Courier::look() {
  CourierView view{.stopping = stopping_, .now = Clock::now()};
  auto const turns = turns_.load(std::memory_order_seq_cst);
  view.was_leased = turns != std::exchange(seen_turns_, turns);
  view.is_leased = manager_.is_leased();
  if (view.was_leased) last_activity_ = view.now;
  if (auto const epoch = epoch_.load(std::memory_order_relaxed); epoch != std::exchange(seen_epoch_, epoch)) {
    not_before_ = {};
    paced_until_ = {};
    lost_session_ = false;
  }
  // Somebody may have ended the outage by hand.
  if (lost_session_ && manager_.retry_in() == 0ms) not_before_ = std::min(not_before_, view.now + shortest_back_off);
  view.is_open = socket_.load(std::memory_order_relaxed) >= 0;
  view.has_input = has_input_;
  view.has_told = has_told_;
  view.not_before = std::max(not_before_, paced_until_);
  view.probe_at = last_activity_ + probe_interval(options_.idle_probe_after);
  read_books(view);
  view.wants_session |= lost_session_;
  return view;
}

void Courier::read_books(CourierView &view) {
  MutexLock const lock{mutex_};
  if (out_of_memory_) {
    for (auto const &channel : book_.channels()) events_.push_gap(channel);
    out_of_memory_ = false;
  }
  view.has_events = !events_.empty();
  view.has_steps = book_.has_step(view.now);
  view.wants_session = book_.wants_session();
  view.retry_at = book_.next_retry();
}

/// What the server has said is read by the lease, which looks at the session before it begins.
void Courier::visit() noexcept {
  has_input_ = false;
  has_told_ = false;
  // A lease would wait for the next attempt to open with everybody in line behind it.
  if (auto const retry_in = manager_.retry_in(); retry_in > 0ms) return visit_failed(retry_in);
  auto const begun = Clock::now();
  auto const epoch_before = epoch_.load(std::memory_order_relaxed);
  try {
    bool kept = false;
    {
      Visit const visit{
          manager_, {.queue = Deadline::never(), .session = Deadline::never()}, std::source_location::current()};
      kept = synchronise();
    }
    if (kept) {
      not_before_ = {};
      lost_session_ = false;
    } else {
      visit_failed({});
    }
  } catch (ConnectionDown const &down) {
    visit_failed(down.retry_in());
  } catch (...) {
    visit_failed({});
  }
  last_activity_ = Clock::now();
  bool const opened = epoch_.load(std::memory_order_relaxed) != epoch_before;
  if (opened) paced_until_ = pace_.opened(begun, last_activity_);
  // Its own lease is no sign of a busy session, nor its own session the answer to a failure.
  seen_turns_ = turns_.load(std::memory_order_seq_cst);
  seen_epoch_ = epoch_.load(std::memory_order_relaxed);
}

void Courier::visit_failed(std::chrono::milliseconds retry_in) noexcept {
  lost_session_ = true;
  not_before_ = Clock::now() + std::max(retry_in, shortest_back_off);
}

/// Either the lease that ends next sees that it was asked, or it has ended before that and is seen here.
void Courier::doze(TimePoint until) noexcept {
  asked_.store(true, std::memory_order_seq_cst);
  if (turns_.load(std::memory_order_seq_cst) == seen_turns_) {
    static_cast<void>(wake_.wait(-1, earliest(Deadline::at(until), Deadline::after(longest_doze))));
  }
  asked_.store(false, std::memory_order_relaxed);
}

/// An answer to somebody's statement is none of the courier's business, nor is the end of a session that was closed.
void Courier::watch(TimePoint until) noexcept {
  int const socket = socket_.load(std::memory_order_relaxed);
  bool const said_something = wake_.wait(socket, Deadline::at(until));
  has_input_ = said_something && !manager_.is_leased() && socket == socket_.load(std::memory_order_relaxed);
}

void Courier::dispatch() {
  has_told_ = true;
  std::optional<Event> event;
  ChannelBook::Observers observers;
  {
    MutexLock const lock{mutex_};
    event = events_.pop();
    if (!event) return;
    observers = book_.concerned(event->notification.channel, event->sequence);
  }
  if (event->overflow) {
    log_.write(Severity::warning,
               fmt::format("{}: notifications on channel {} were dropped, since its handlers are too slow",
                           manager_.name(), quoted_channel(event->notification.channel)));
  }
  for (auto const &observer : observers) {
    if (stopping_ || birth_.is_another()) return;
    tell(*observer, *event);
  }
}

void Courier::tell(Observer &observer, Event const &event) {
  bool const reopened = event.kind == Event::Kind::reopened;
  auto &calls = event.notification.is_gap() ? counters_.notification_gaps : counters_.notifications_delivered;
  try {
    observer.call(event.notification, reopened ? nullptr : &calls);
  } catch (...) {
    if (birth_.is_another()) return;
    auto const what = reopened ? std::string{"a handler of reopened sessions"}
                               : "a handler of channel " + quoted_channel(event.notification.channel);
    log_.write(Severity::error, fmt::format("{}: {} threw: {}", manager_.name(), what, text_of_current_exception()));
  }
}

}  // namespace pqlease::detail
