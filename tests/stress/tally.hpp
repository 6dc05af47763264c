#pragma once

#include <atomic>
#include <cstddef>

namespace pqlease::stress {

/// What all workers have met, all in all.
struct Tally {
  using Count = std::atomic<std::size_t>;

  Count committed{0};
  Count unknown{0};               ///< lost during COMMIT
  Count leaks{0};                 ///< UncommittedTransaction
  Count own_exceptions{0};        ///< thrown inside a lease, and caught outside
  Count cancelled{0};             ///< LeaseCancelled
  Count timed_out{0};             ///< LeaseTimeout
  Count taken{0};                 ///< try_lease() in vain
  Count down{0};                  ///< ConnectionDown
  Count sql_errors{0};            ///< libpqxx's own, most of them of a session that was lost
  Count cancelled_statements{0};  ///< SQLSTATE 57014
  Count surprises{0};             ///< what nobody expected; each one is printed
};

}  // namespace pqlease::stress
