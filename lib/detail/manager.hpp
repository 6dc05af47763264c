#pragma once

#include "detail/background_thread.hpp"
#include "detail/blocks.hpp"
#include "detail/counters.hpp"
#include "detail/exit.hpp"
#include "detail/lease_queue.hpp"
#include "detail/log.hpp"
#include "detail/messages.hpp"
#include "detail/pause.hpp"
#include "detail/process_generation.hpp"
#include "detail/reconnection.hpp"
#include "detail/release_policy.hpp"
#include "detail/session_opener.hpp"
#include "detail/statement_book.hpp"
#include "detail/statement_preparer.hpp"
#include "session/conninfo_source.hpp"
#include "session/session.hpp"
#include <pqlease/options.hpp>
#include <pqlease/statistics.hpp>
#include <pqlease/status.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>

namespace pqlease::detail {

class Courier;

/// How a lease ends.
struct LeaseEnd {
  std::source_location taken;
  Exit exit{Exit::normal()};
  bool close_requested{false};
  Use use{Use::plain};
};

/// How long a request may take: in the queue, and until the session is ready.
struct Patience {
  Deadline queue;
  Deadline session;
};

/// A request for a lease, from when it was made.
struct LeaseRequest {
  Patience patience;
  std::stop_token stop;
  OutageTicket known;  ///< of the attempts to open
};

/// The state that a ManagedConnection and its leases share: the queue, and the session that its holder uses.
///
/// Thread safety: every member from any thread, but for those that say "by the holder".
class Manager : public std::enable_shared_from_this<Manager> {
public:
  /// Throws: InvalidOption.
  Manager(std::unique_ptr<ConninfoSource> source, Options options);
  Manager(Manager const &) = delete;
  Manager &operator=(Manager const &) = delete;
  ~Manager();

  /// `manager`, or in a child process made by fork() the one that has taken its place there, with a session of its own.
  [[nodiscard]] static std::shared_ptr<Manager> const &in_this_process(std::shared_ptr<Manager> const &manager);

  /// The same, but where none has been needed yet in the child the parent's: it says that there is no session.
  [[nodiscard]] static Manager &known_in_this_process(std::shared_ptr<Manager> const &manager) noexcept;

  /// Takes the lease and makes the session ready. Throws: as ManagedConnection::lease().
  void acquire(std::source_location where, Patience patience, std::stop_token const &stop);

  /// The same if nobody else holds the lease; else returns false at once.
  [[nodiscard]] bool try_acquire(std::source_location where);

  /// By the holder: settles the session, hands the lease on, then reports. Does nothing for a lease that a child
  /// process has inherited. Throws: UncommittedTransaction, on a normal exit only.
  void release(LeaseEnd const &end);

  /// By the holder: ends what is in progress. Throws: as Lease::rollback().
  void roll_back();

  /// By the holder: what cancels the session's statements until the lease ends. Throws: as Lease::canceller().
  [[nodiscard]] std::shared_ptr<CancelKey> cancel_key();

  /// By the holder: the session.
  [[nodiscard]] Session &session() noexcept { return session_; }

  /// Registers a statement for all sessions. Throws: as ManagedConnection::prepare().
  void prepare(std::string name, std::string sql) { statements_.add(std::move(name), std::move(sql)); }
  /// By the holder: the atomic block that it is in, if any.
  [[nodiscard]] Blocks &blocks() noexcept { return blocks_; }
  [[nodiscard]] Blocks const &blocks() const noexcept { return blocks_; }

  /// Whether the calling thread is inside an atomic block.
  [[nodiscard]] bool is_in_block() const noexcept {
    return !is_inherited() && queue_.holder_thread() == std::this_thread::get_id() && blocks_.is_open();
  }

  /// Whether this process is a child of the one that the manager was made in.
  [[nodiscard]] bool is_inherited() const noexcept { return birth_.is_another(); }

  [[nodiscard]] Counters &counters() noexcept { return counters_; }
  [[nodiscard]] Log const &log() const noexcept { return log_; }

  /// Waits without the lease. Blocking: until `deadline`, `stop` or shut_down(). Returns whether the time has come.
  [[nodiscard]] bool pause(Deadline deadline, std::stop_token const &stop) { return pause_.wait(deadline, stop); }

  /// Whether somebody holds the lease.
  [[nodiscard]] bool is_leased() const noexcept { return queue_.holder_thread() != std::thread::id{}; }

  /// Whether this thread does.
  [[nodiscard]] bool is_held_here() const noexcept { return queue_.holder_thread() == std::this_thread::get_id(); }

  /// The same, with a session that is ready and does nothing.
  [[nodiscard]] bool is_idle_here() noexcept;

  /// Brings notifications to their handlers; made at the first call. Throws: ManagerClosed; std::system_error.
  [[nodiscard]] Courier &courier();

  /// The time until an attempt to open may be made; zero when nothing is wrong.
  [[nodiscard]] std::chrono::milliseconds retry_in() const;

  void adopt() noexcept {
    if (!birth_.is_another()) queue_.adopt();
  }

  /// Waits for the lease and closes the session.
  void close(std::source_location where);
  void shut_down() noexcept;

  /// After shut_down(): waits until nothing of this manager runs in a thread of the library's own.
  void join_background() noexcept;

  [[nodiscard]] Status status() const noexcept;
  [[nodiscard]] bool is_open() const noexcept;
  [[nodiscard]] std::uint64_t epoch() const noexcept { return counters_.epoch(); }
  [[nodiscard]] Statistics statistics() const noexcept {
    return birth_.is_another() ? Statistics{} : counters_.snapshot();
  }
  [[nodiscard]] std::string name() const { return source_->masked(); }

  /// Throws: UsageError with Pooling::transaction, where nothing that a session would have to remember can be promised.
  void require_lasting_session(std::string_view for_what) const;

  /// Tells managers apart, but not one from those that take its place in child processes.
  [[nodiscard]] std::uint64_t lineage() const noexcept { return lineage_; }

  /// The default for a lease.
  [[nodiscard]] Patience default_patience() const noexcept;

private:
  [[nodiscard]] std::shared_ptr<Manager> const &successor();
  [[noreturn]] void refuse(Answer const &answer, std::source_location where);
  [[nodiscard]] bool acquire_at_once(std::source_location where, LeaseRequest const &request);
  [[nodiscard]] bool fails_fast(LeaseRequest const &request) const noexcept;
  void start_lease(Answer const &answer, LeaseRequest const &request);
  void make_ready(Holder const &self, LeaseRequest const &request);
  void await_turn(std::source_location where, LeaseRequest const &request);
  void open(std::source_location where, LeaseRequest const &request);
  void start_reconnecting();
  void reconnect() noexcept;
  [[nodiscard]] bool still_fit(Liveness look, Deadline::Clock::time_point now, Deadline deadline);
  void require_time(Deadline deadline, std::string_view purpose);
  [[nodiscard]] bool confirmed_alive(Liveness look, Deadline::Clock::time_point now, Deadline deadline);
  [[nodiscard]] bool revoke_cancel_key(Deadline deadline) noexcept;
  [[nodiscard]] Settled settle(ReleaseAction action, Deadline deadline) noexcept;
  void count(ReleasePlan const &plan, Settled settled) noexcept;
  void report(LeaseEnd const &end, SessionCondition const &found, ReleaseReport report, Settled settled);
  void hand_over(Use use = Use::plain, Deadline::Clock::time_point now = Deadline::Clock::now()) noexcept;
  void stop_courier() noexcept;
  void leave_courier() noexcept;
  void warn_of_hold(Overdue const &overdue) noexcept;
  void tell_return(Returned const &returned, Deadline::Clock::time_point now) const noexcept;
  void publish() noexcept { publish(session_.status()); }
  void publish(Status status) noexcept { published_.store(status, std::memory_order_release); }

  BirthProcess const birth_{};
  std::atomic<std::shared_ptr<Manager> const *> successor_{nullptr};  // in a child process; made once, on first use
  std::uint64_t lineage_;

  Options const options_;
  Log const log_;
  Counters counters_;
  std::unique_ptr<ConninfoSource> const source_;
  StatementBook statements_;
  LeaseQueue queue_;
  Pause pause_;
  std::stop_source closing_{};  // stopped by shut_down(), for what does not wait in the queue

  // Guards the making of the courier, which stays for good. Forbidden under it: waiting for the courier.
  Mutex courier_mutex_;
  std::shared_ptr<Courier> courier_ PQLEASE_GUARDED_BY(courier_mutex_);
  std::atomic<Courier *> known_courier_{nullptr};

  // Used by the holder of the lease only; the queue orders one holder after the other.
  Session session_;
  StatementPreparer preparer_;
  SessionOpener opener_;
  Reconnection reconnection_;
  Blocks blocks_;                          // after session_, which its transaction object refers to
  std::shared_ptr<CancelKey> cancel_key_;  // null unless the lease was asked for a Canceller
  Deadline::Clock::time_point last_used_{};
  std::optional<Deadline::Clock::time_point> granted_at_;  // of a lease that counts, until it ends

  // What everybody else may know of session_, as of the last hand-over.
  std::atomic<Status> published_{Status::closed};

  BackgroundThread reconnector_{};  // last: it must have ended before the rest goes
};

}  // namespace pqlease::detail
