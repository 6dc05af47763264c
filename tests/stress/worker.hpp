#pragma once

#include "activity.hpp"
#include "ledger.hpp"
#include "tally.hpp"
#include "waits.hpp"
#include <pqlease/pqlease.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <random>

namespace pqlease::stress {

/// What the workers share.
struct Shared {
  ManagedConnection &manager;
  Waits &waits;
  Tally &tally;
  std::atomic<bool> const &lull;  ///< the session is to be left alone for a while
};

/// Does one transfer after the other, in every way in which a lease can be had, used, and misused, until the manager is
/// shut down.
class Worker {
public:
  Worker(Shared shared, std::size_t number, std::uint64_t seed, Record &record, Activity &activity)
      : shared_{shared}, number_{number}, random_{seed}, record_{record}, activity_{activity} {}

  void operator()();

private:
  /// False when the manager is shut down.
  bool attempt();
  void rest();
  void act();
  void absorb(std::exception_ptr const &error);

  // How a lease is had.
  void lease_and_transfer();
  void lease_cancellably();
  void lease_in_time();
  void lease_if_free();
  void with_lease();

  // How it is misused.
  void throw_inside();
  void leak_by_hand();
  void leak_object();
  void leak_copy();
  void fail_inside();
  void cancel_statements();
  void ask_twice();
  void close();

  void transfer(Lease &lease);
  void commit(pqxx::work &transaction);
  [[nodiscard]] Transfer new_transfer();
  void expect_leak(Lease &lease);
  void report_surprise(char const *what);
  [[nodiscard]] int pick(int lowest, int highest) { return std::uniform_int_distribution{lowest, highest}(random_); }

  Shared shared_;
  std::size_t number_;
  std::mt19937_64 random_;
  bool asked_for_cancel_{false};  // by this thread, for its own lease
  Record &record_;
  Activity &activity_;
};

}  // namespace pqlease::stress
