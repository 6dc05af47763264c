#include "ratios/lease_rows.hpp"

#include "measure/repeat.hpp"
#include "measure/rounds.hpp"
#include "measure/slices.hpp"
#include "ratios/allocations.hpp"
#include "ratios/server_process.hpp"
#include "ratios/workers.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <chrono>
#include <cstdint>

namespace pqlease::benchmarks {
namespace {

/// How long a call takes on both sides, in microseconds.
Round<double> lease_and_round_trip(std::string const &conninfo, Place place, Seconds length) {
  ManagedConnection manager{conninfo};
  pqxx::connection connection{conninfo};
  pqxx::nontransaction transaction{connection};
  auto const empty_lease = [&](std::uint64_t) { auto lease = manager.lease(); };
  auto const round_trip = [&](std::uint64_t) { transaction.exec("SELECT 1"); };
  empty_lease(0);  // opens the session
  InPlace const in_place{place, {server_process(connection)}};
  auto const rates = alternate(
      {.length = length, .longest_slice = Seconds{0.25}}, [&](Seconds slice) { return repeat(slice, empty_lease); },
      [&](Seconds slice) { return repeat(slice, round_trip); });
  return {.ours = 1e6 / rates.ours, .other = 1e6 / rates.other};
}

}  // namespace

Row compare_with_round_trip(std::string const &conninfo, Settings const &settings) {
  std::vector<Round<double>> rounds;
  auto const place = one_worker(conninfo).place;
  for (int i = 0; i < settings.rounds; ++i)
    rounds.push_back(lease_and_round_trip(conninfo, place, settings.round_length));
  return {.name = "empty lease and release / SELECT 1",
          .limit = Limit{Bound::at_most, 0.02},
          .figures = ratios(rounds),
          .sides = Sides{spread_of(each(rounds, &Round<double>::ours)).median,
                         spread_of(each(rounds, &Round<double>::other)).median, "us"}};
}

Row count_allocations(std::string const &conninfo) {
  ManagedConnection manager{conninfo, {.idle_probe_after = std::chrono::hours{1}}};
  { auto lease = manager.lease(); }
  auto const before = allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) {
    {
      auto lease = manager.lease();
    }
    { auto lease = manager.try_lease(); }
    { auto lease = manager.lease_for(std::chrono::seconds{1}); }
    manager.with_lease([](pqxx::connection &) {});
  }
  auto const after = allocations_of_this_thread();
  return {.name = "heap allocations of 4000 uncontended leases",
          .limit = Limit{Bound::at_most, 0},
          .figures = {static_cast<double>(after - before)}};
}

}  // namespace pqlease::benchmarks
