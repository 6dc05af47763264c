#include <pqlease/statistics.hpp>

#include "detail/statistics_fields.hpp"

#include <spdlog/fmt/fmt.h>

#include <ostream>

namespace pqlease {

Statistics operator-(Statistics later, Statistics const &earlier) noexcept {
  for (auto const &field : detail::counter_fields) later.*field.value -= earlier.*field.value;
  for (auto const &field : detail::histogram_fields) {
    later.*field.value = later.*field.value - earlier.*field.value;
  }
  return later;
}

std::string to_string(Statistics const &s) {
  return fmt::format("leases: {} granted, {} contended, {} timed out, {} cancelled, {} refused\n"
                     "wait: {}\n"
                     "hold: {}\n"
                     "sessions: {} opened, {} failed to open, {} replaced\n"
                     "releases: {} leaks, {} forced rollbacks, {} forced closes, {} quarantined\n"
                     "reports: {} hold warnings, {} cancels sent\n"
                     "blocks: {} committed, {} rolled back, {} retried, {} given up\n"
                     "in doubt: {} committed, {} rolled back, {} unknown\n"
                     "notifications: {} delivered, {} gaps",
                     s.leases_granted, s.leases_contended, s.leases_timed_out, s.leases_cancelled, s.leases_refused,
                     to_string(s.wait), to_string(s.hold), s.sessions_opened, s.failed_opens, s.sessions_replaced,
                     s.leaks, s.forced_rollbacks, s.forced_closes, s.quarantined, s.hold_warnings, s.cancels_sent,
                     s.blocks_committed, s.blocks_rolled_back, s.blocks_retried, s.blocks_given_up,
                     s.in_doubt_committed, s.in_doubt_rolled_back, s.in_doubt_unknown, s.notifications_delivered,
                     s.notification_gaps);
}

std::ostream &operator<<(std::ostream &out, Statistics const &statistics) { return out << to_string(statistics); }

}  // namespace pqlease
