#pragma once

#include "detail/deadline.hpp"
#include "detail/mutex.hpp"
#include "detail/outage.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

namespace pqlease::detail {

/// What was known of an outage when somebody asked for a lease.
class OutageTicket {
public:
  OutageTicket(std::uint64_t failures, bool down) noexcept : value_{failures << 1U | (down ? 1U : 0U)} {}

  [[nodiscard]] std::uint64_t failures_ever() const noexcept { return value_ >> 1U; }
  [[nodiscard]] bool is_down() const noexcept { return (value_ & 1U) != 0; }

private:
  std::uint64_t value_;
};

/// How a wait for the next attempt ended.
enum class Turn {
  attempt,    ///< the caller is to try to open
  down,       ///< an attempt has failed since the caller asked, or its deadline has passed
  cancelled,  ///< the stop token was triggered
  shut_down,
};

/// The last failure, and when the next attempt is due.
struct Down {
  std::shared_ptr<OpenFailure const> failure;
  std::chrono::milliseconds retry_in;
};

/// An Outage that threads wait in.
///
/// Thread safety: every member, from any thread.
class SharedOutage {
public:
  explicit SharedOutage(ReconnectPolicy const &policy) noexcept : mode_{policy.mode}, outage_{policy} {}
  SharedOutage(SharedOutage const &) = delete;
  SharedOutage &operator=(SharedOutage const &) = delete;

  /// For whoever asks for a lease. Costs a load.
  [[nodiscard]] OutageTicket ticket() const noexcept { return ticket_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_on() const noexcept { return ticket().is_down(); }

  /// By the holder of the lease who needs a session: waits until an attempt is due.
  ///
  /// Blocking: until `deadline`, or until `stop` is triggered; not at all while nothing is wrong.
  [[nodiscard]] Turn await_turn(OutageTicket asked, Deadline deadline, std::stop_token const &stop);

  /// The answer for somebody whose wait for a lease has ended; nothing when there is no outage.
  [[nodiscard]] std::optional<Down> down() const;

  /// The answer for somebody who asks for a lease when that is to fail fast; nothing when a lease may try.
  [[nodiscard]] std::optional<Down> down_without_waiting() const;

  // How an attempt ended: by the holder who made it.

  FailedAttempt fail(std::shared_ptr<OpenFailure const> cause);
  void abandon_attempt();

  /// Ends the outage, as a success does; who waits tries at once. Returns nothing when there is none.
  std::optional<Recovery> end();

  /// Ends every wait for good.
  void shut_down() noexcept;

  /// Whether a background thread is wanted (ReconnectMode::fail_fast) and there is none: the caller must start it, or
  /// say that it cannot.
  [[nodiscard]] bool claim_background();
  void decline_background();

  /// By the background thread: waits until an attempt is due. Returns false when the thread is to end; from then on
  /// another one can be claimed.
  [[nodiscard]] bool await_background_turn();

private:
  using Clock = Deadline::Clock;

  [[nodiscard]] std::optional<Down> answer(Clock::time_point now) const PQLEASE_REQUIRES(mutex_);
  void publish() noexcept PQLEASE_REQUIRES(mutex_);

  ReconnectMode const mode_;

  // Guards what follows. Forbidden under it: I/O, logging, callbacks.
  mutable Mutex mutex_;
  Outage outage_ PQLEASE_GUARDED_BY(mutex_);
  bool has_background_ PQLEASE_GUARDED_BY(mutex_){false};
  bool shut_down_ PQLEASE_GUARDED_BY(mutex_){false};
  std::condition_variable changed_{};  // whatever a wait may end by, but time

  // A copy of what outage_ says, written under mutex_ and read without it.
  std::atomic<OutageTicket> ticket_{OutageTicket{0, false}};
};

}  // namespace pqlease::detail
