#pragma once

#include "ratios/lookup_table.hpp"
#include <pqlease/atomic_options.hpp>

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>

namespace pqlease::benchmarks {

using Clock = std::chrono::steady_clock;

/// A way for many threads to reach the database. Each one does the same work: one SELECT, in a `pqxx::nontransaction`
/// or in a transaction.
///
/// Thread safety: any thread.
class Contender {
public:
  Contender() = default;
  Contender(Contender const &) = delete;
  Contender &operator=(Contender const &) = delete;
  virtual ~Contender() = default;

  /// Waits for a session, and finds one row. Returns the moment at which the wait was over.
  virtual Clock::time_point look_up(int key) = 0;

  /// The process of its only session, as server_process() says.
  [[nodiscard]] virtual std::optional<pid_t> server_process() = 0;
};

/// This library: a lease for each SELECT.
[[nodiscard]] std::unique_ptr<Contender> make_lease_contender(LookupTable const &table, Statement statement);

/// The same while a handler listens to a channel that nobody sends anything on.
[[nodiscard]] std::unique_ptr<Contender> make_listening_contender(LookupTable const &table, Statement statement);

/// What libpqxx leaves to its user: one connection behind a std::mutex.
[[nodiscard]] std::unique_ptr<Contender> make_mutex_contender(LookupTable const &table, Statement statement);

/// This library: an atomic block for each SELECT.
[[nodiscard]] std::unique_ptr<Contender> make_atomic_contender(LookupTable const &table, Outcome outcome);

/// The same by hand: a `pqxx::work` on one connection behind a std::mutex.
[[nodiscard]] std::unique_ptr<Contender> make_work_contender(LookupTable const &table);

/// Nothing shared: a connection for each SELECT, which cannot be prepared beforehand.
[[nodiscard]] std::unique_ptr<Contender> make_connect_contender(LookupTable const &table);

}  // namespace pqlease::benchmarks
