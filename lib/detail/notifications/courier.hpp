#pragma once

#include "detail/background_thread.hpp"
#include "detail/counters.hpp"
#include "detail/log.hpp"
#include "detail/mutex.hpp"
#include "detail/notifications/channel_book.hpp"
#include "detail/notifications/courier_plan.hpp"
#include "detail/notifications/event_queue.hpp"
#include "detail/notifications/observer.hpp"
#include "detail/notifications/reopen_pace.hpp"
#include "detail/process_generation.hpp"
#include "session/notification_sink.hpp"
#include "session/wake_up.hpp"
#include <pqlease/options.hpp>
#include <pqlease/subscription.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace pqlease::detail {

class Manager;
class Session;

/// Brings notifications to their handlers: what the leases have received, and what arrives while nobody has one. A
/// thread of its own waits for the latter and runs the handlers, outside the lease.
///
/// Thread safety: every member from any thread, but for those that say "by the holder".
class Courier final : public NotificationSink, public std::enable_shared_from_this<Courier> {
public:
  /// Throws: std::system_error.
  Courier(Manager &manager, Options const &options, Counters &counters, Log const &log);

  /// Once. The thread keeps `manager` alive until stop(). Throws: std::system_error.
  void start(std::shared_ptr<Manager> manager);

  /// Ends the thread, for good, after the manager's queue was shut down. Blocking: until the handler that is running
  /// has returned, and the lease that the thread has; not when called by a handler.
  void stop() noexcept;

  /// Registers a handler. If its channel is not listened to yet, this tries to; what fails is left to the thread.
  /// Blocking: as ManagedConnection::lease(). Throws: ManagerClosed.
  [[nodiscard]] Subscription subscribe(std::string channel, Observer::Handler handler);

  /// Takes a handler out, which may still be running.
  void forget(Observer const &observer) noexcept;

  /// By the holder.
  void take(char const *channel, char const *payload, int backend_pid) noexcept override;

  /// By the holder, just before the lease goes on: collects, and tells whether the thread has to know at once.
  [[nodiscard]] bool before_return(Session &session) noexcept;

  /// When it has gone on, whoever holds it now. A system call only for what the thread has to know.
  void after_return(bool call) noexcept;

private:
  using TimePoint = CourierView::TimePoint;

  [[nodiscard]] bool store(char const *channel, char const *payload, int backend_pid) noexcept PQLEASE_REQUIRES(mutex_);
  void note(Session const &session) noexcept;
  void listen_now(Observer const &observer);
  [[nodiscard]] bool synchronise();
  [[nodiscard]] bool carry_out(Session &session, ChannelStep const &step);
  [[nodiscard]] LateNotification late_notification();

  void run() noexcept;
  void finish() noexcept;
  void do_next();
  [[nodiscard]] CourierView look();
  void read_books(CourierView &view);
  void visit() noexcept;
  void visit_failed(std::chrono::milliseconds retry_in) noexcept;
  void doze(TimePoint until) noexcept;
  void watch(TimePoint until) noexcept;
  void dispatch();
  void tell(Observer &observer, Event const &event);

  Manager &manager_;
  Options const &options_;
  Counters &counters_;
  Log const &log_;
  BirthProcess const birth_{};
  WakeUp wake_{};

  // Written by the holder of the lease, read by the thread.
  std::atomic<int> socket_{-1};
  std::atomic<std::uint64_t> epoch_;
  std::atomic<std::uint64_t> turns_{0};  // leases that have ended
  std::atomic<bool> asked_{false};       // whether the end of a lease is to wake the thread in any case
  std::atomic<bool> stopping_{false};

  bool call_{false};  // by the holder: whether the thread has to know something when the lease ends

  // Guards what follows. Forbidden under it: I/O, logging, handlers.
  Mutex mutex_;
  ChannelBook book_ PQLEASE_GUARDED_BY(mutex_);
  EventQueue events_ PQLEASE_GUARDED_BY(mutex_);
  bool out_of_memory_ PQLEASE_GUARDED_BY(mutex_){false};  // something was lost
  bool ended_ PQLEASE_GUARDED_BY(mutex_){false};
  std::condition_variable end_;

  // The thread's own.
  std::uint64_t seen_turns_{0};
  std::uint64_t seen_epoch_{0};
  bool has_input_{false};
  bool lost_session_{false};  // the last visit has failed, so that it wants the session back
  bool has_told_{false};      // its last step was to call handlers
  ReopenPace pace_{};
  TimePoint paced_until_{};
  TimePoint not_before_{};  // the back-off after a failure
  TimePoint last_activity_{};

  std::atomic<std::thread::id> thread_id_{};
  BackgroundThread thread_{};
};

}  // namespace pqlease::detail
