#pragma once

#include <pqlease/statistics.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace pqlease::detail {

/// A number of Statistics, for code that treats all of them alike.
template <class Value> struct StatisticsField {
  Value Statistics::*value;
  std::string_view name;
  std::string_view meaning;
};

inline constexpr std::array counter_fields{
    StatisticsField{&Statistics::leases_granted, "leases_granted", "Leases handed out."},
    StatisticsField{&Statistics::leases_contended, "leases_contended", "Leases that had to wait for another one."},
    StatisticsField{&Statistics::leases_timed_out, "leases_timed_out", "Waits that ended with LeaseTimeout."},
    StatisticsField{&Statistics::leases_cancelled, "leases_cancelled", "Waits that ended with LeaseCancelled."},
    StatisticsField{&Statistics::sessions_opened, "sessions_opened", "Sessions opened."},
    StatisticsField{&Statistics::failed_opens, "failed_opens", "Attempts to open that failed."},
    StatisticsField{&Statistics::sessions_replaced, "sessions_replaced",
                    "Sessions found dead or read-only before a lease."},
    StatisticsField{&Statistics::leaks, "leaks", "Leases released with something still in progress."},
    StatisticsField{&Statistics::forced_rollbacks, "forced_rollbacks",
                    "Releases that rolled back or cancelled something."},
    StatisticsField{&Statistics::forced_closes, "forced_closes", "Sessions that a release could not hand over."},
    StatisticsField{&Statistics::quarantined, "quarantined", "Connections that a transaction object still refers to."},
    StatisticsField{&Statistics::leases_refused, "leases_refused", "Requests that ended with TooManyWaiters."},
    StatisticsField{&Statistics::cancels_sent, "cancels_sent", "Cancel requests that the server took."},
    StatisticsField{&Statistics::hold_warnings, "hold_warnings", "Leases reported as held for too long."},
    StatisticsField{&Statistics::blocks_committed, "blocks_committed", "Atomic blocks that were committed."},
    StatisticsField{&Statistics::blocks_rolled_back, "blocks_rolled_back",
                    "Attempts at a block that were rolled back."},
    StatisticsField{&Statistics::blocks_retried, "blocks_retried", "Attempts at a block followed by another one."},
    StatisticsField{&Statistics::blocks_given_up, "blocks_given_up", "Blocks that ran out of attempts."},
    StatisticsField{&Statistics::in_doubt_committed, "in_doubt_committed", "Lost COMMITs found to be committed."},
    StatisticsField{&Statistics::in_doubt_rolled_back, "in_doubt_rolled_back", "Lost COMMITs found to be rolled back."},
    StatisticsField{&Statistics::in_doubt_unknown, "in_doubt_unknown",
                    "Lost COMMITs that nobody knows the outcome of."},
    StatisticsField{&Statistics::notifications_delivered, "notifications_delivered",
                    "Notifications given to handlers, once for each."},
    StatisticsField{&Statistics::notification_gaps, "notification_gaps", "Gaps announced to handlers, once for each."},
};

inline constexpr std::array histogram_fields{
    StatisticsField{&Statistics::wait, "lease_wait", "Time from asking for a lease to being granted it."},
    StatisticsField{&Statistics::hold, "lease_hold", "Time from being granted a lease to the end of its release."},
};

static_assert(sizeof(Statistics) ==
                  counter_fields.size() * sizeof(std::uint64_t) + histogram_fields.size() * sizeof(Histogram),
              "a field of Statistics is missing above");

}  // namespace pqlease::detail
