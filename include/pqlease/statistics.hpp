#pragma once

#include <cstdint>

namespace pqlease {

/// What a manager has counted since it was made: a value, not a view. Every number only grows, so that two snapshots
/// can be subtracted.
struct Statistics {
  std::uint64_t leases_granted{};     ///< leases handed out
  std::uint64_t leases_contended{};   ///< of these, leases that had to wait for another one
  std::uint64_t leases_timed_out{};   ///< waits that ended with LeaseTimeout
  std::uint64_t leases_cancelled{};   ///< waits that ended with LeaseCancelled
  std::uint64_t sessions_opened{};    ///< successful opens; equals the epoch
  std::uint64_t failed_opens{};       ///< attempts to open that ended with ConnectionDown
  std::uint64_t sessions_replaced{};  ///< sessions found dead before a lease, and given up
  std::uint64_t leaks{};              ///< releases with a transaction, a COPY or an unread result in progress
  std::uint64_t forced_rollbacks{};   ///< ROLLBACKs sent by a release
  std::uint64_t forced_closes{};      ///< sessions closed by a release that could not hand them over
  std::uint64_t quarantined{};        ///< connections set aside because a transaction object still refers to them
};

}  // namespace pqlease
