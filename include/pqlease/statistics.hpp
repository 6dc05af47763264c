#pragma once

#include <pqlease/export.hpp>
#include <pqlease/histogram.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>

namespace pqlease {

/// What a manager has counted since it was made: a value, not a view. Every number only grows, so that two snapshots
/// can be subtracted.
///
/// A snapshot is taken while other threads go on counting: what happens meanwhile may be in one number and not yet in
/// another. What is counted as a part is never ahead of the whole, though: leases_contended and hold.count() are at
/// most leases_granted, which is wait.count().
struct Statistics {
  std::uint64_t leases_granted{};     ///< leases handed out
  std::uint64_t leases_contended{};   ///< of these, leases that had to wait for another one
  std::uint64_t leases_timed_out{};   ///< waits that ended with LeaseTimeout
  std::uint64_t leases_cancelled{};   ///< waits that ended with LeaseCancelled
  std::uint64_t sessions_opened{};    ///< successful opens; but in a child process, equal to the epoch
  std::uint64_t failed_opens{};       ///< attempts to open that failed
  std::uint64_t sessions_replaced{};  ///< sessions found dead or read-only before a lease, and given up
  std::uint64_t leaks{};              ///< releases with a transaction, a COPY or an unread result in progress
  std::uint64_t forced_rollbacks{};   ///< releases that rolled back or cancelled something, and kept the session
  std::uint64_t forced_closes{};      ///< sessions closed by a release that could not hand them over
  std::uint64_t quarantined{};        ///< connections set aside because a transaction object still refers to them
  std::uint64_t leases_refused{};     ///< requests that ended with TooManyWaiters
  std::uint64_t cancels_sent{};   ///< cancel requests of a Canceller that the server took, counted when the lease ends
  std::uint64_t hold_warnings{};  ///< leases that were reported as held for too long

  std::uint64_t blocks_committed{};    ///< outermost atomic blocks that were committed
  std::uint64_t blocks_rolled_back{};  ///< attempts at such a block that were rolled back
  std::uint64_t blocks_retried{};      ///< of these, the ones that were followed by another attempt
  std::uint64_t blocks_given_up{};     ///< of these, the ones that another attempt might have helped, and none was left
  std::uint64_t in_doubt_committed{};  ///< lost COMMITs that were found to be committed (Outcome::resolve)
  std::uint64_t in_doubt_rolled_back{};  ///< lost COMMITs that were found to be rolled back
  std::uint64_t in_doubt_unknown{};      ///< lost COMMITs that ended with OutcomeUnknown

  std::uint64_t notifications_delivered{};  ///< notifications given to handlers, each counted once for every handler
  std::uint64_t notification_gaps{};        ///< gaps announced to handlers, counted in the same way

  /// From asking to having the session to oneself, of the leases granted; one that did not wait counts as zero. A wait
  /// for the next attempt to open, opening and probing come after it, and count as holding.
  Histogram wait{};

  /// From there to the end of the release, which may have rolled back or drained; of the leases that have ended.
  Histogram hold{};

  [[nodiscard]] friend bool operator==(Statistics const &, Statistics const &) = default;
};

/// What was counted between two snapshots of the same manager. `earlier` must be the earlier one; else the numbers wrap
/// round. Thread safety: any thread.
[[nodiscard]] PQLEASE_API Statistics operator-(Statistics later, Statistics const &earlier) noexcept;

/// For people: a line each for the leases, their waits, their holds, the sessions and the releases, with no line feed
/// at the end. Thread safety: any thread.
[[nodiscard]] PQLEASE_API std::string to_string(Statistics const &statistics);

/// Prints what to_string() says.
PQLEASE_API std::ostream &operator<<(std::ostream &out, Statistics const &statistics);

}  // namespace pqlease
