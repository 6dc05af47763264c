#include "fixture.hpp"
#include "support/detail/poll_until.hpp"
#include "support/prometheus_page.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <thread>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using pqlease::ManagedConnection;
using pqlease::Statistics;
using pqlease::testing::backend_of;
using pqlease::testing::Fixture;
using pqlease::testing::parse_prometheus;
using pqlease::testing::poll_until;

namespace {

/// Whether the refusal of a thread that wants the lease at once tells of somebody who waits for it.
bool somebody_waits(ManagedConnection &manager) {
  try {
    auto lease = manager.lease_for(0ms);
  } catch (pqlease::LeaseTimeout const &refusal) {
    return std::string{refusal.what()}.find("; 1 waiting") != std::string::npos;
  }
  return false;
}

/// The numbers without the histograms, which have tests of their own.
Statistics without_times(Statistics statistics) {
  statistics.wait = {};
  statistics.hold = {};
  return statistics;
}

void leak_a_transaction(Fixture &fixture) {
  auto lease = fixture.manager.lease();
  fixture.begin_by_hand(*lease);
  CHECK_THROWS_AS(lease.release(), pqlease::UncommittedTransaction);
}

void leave_a_transaction_object(Fixture &fixture) {
  auto lease = fixture.manager.lease();
  pqxx::work const transaction{*lease};
  CHECK_THROWS_AS(lease.release(), pqlease::UncommittedTransaction);
}

void lose_the_session(Fixture &fixture) {
  auto lease = fixture.manager.lease();
  auto const backend = backend_of(lease);
  lease.release();
  fixture.server.kill_backend(backend);
}

void be_refused(Fixture &fixture) {
  auto held = fixture.manager.lease();
  std::jthread{[&] {
    CHECK_FALSE(fixture.manager.try_lease());
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_for(0ms)), pqlease::LeaseTimeout);
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_for(1ms)), pqlease::LeaseTimeout);
    std::stop_source stop;
    stop.request_stop();
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease(stop.get_token())), pqlease::LeaseCancelled);
  }}.join();
}

}  // namespace

TEST_SUITE_BEGIN("statistics");

TEST_CASE("each event of a scripted sequence is counted once, and nothing else") {
  Fixture fixture;
  CHECK(fixture.manager.statistics() == Statistics{});
  be_refused(fixture);
  leak_a_transaction(fixture);
  leave_a_transaction_object(fixture);
  lose_the_session(fixture);
  { auto lease = fixture.manager.lease(); }
  fixture.manager.close();
  auto const statistics = fixture.manager.statistics();
  CAPTURE(statistics);
  CHECK(without_times(statistics) == Statistics{.leases_granted = 5,
                                                .leases_timed_out = 2,
                                                .leases_cancelled = 1,
                                                .sessions_opened = 3,
                                                .sessions_replaced = 1,
                                                .leaks = 2,
                                                .forced_rollbacks = 1,
                                                .forced_closes = 1,
                                                .quarantined = 1});
  CHECK(statistics.wait.count() == 5);
  CHECK(statistics.wait.sum == 0us);
  CHECK(statistics.hold.count() == 5);
  CHECK_NOTHROW(static_cast<void>(parse_prometheus(to_prometheus(statistics, fixture.manager.conninfo()))));
}

TEST_CASE("two snapshots subtract to what happened between them") {
  Fixture fixture;
  leak_a_transaction(fixture);
  auto const before = fixture.manager.statistics();
  leak_a_transaction(fixture);
  { auto lease = fixture.manager.lease(); }
  auto const between = fixture.manager.statistics() - before;
  CHECK(without_times(between) == Statistics{.leases_granted = 2, .leaks = 1, .forced_rollbacks = 1});
  CHECK(between.wait.count() == 2);
  CHECK(between.hold.count() == 2);
}

TEST_CASE("a lease that no session could be opened for is neither granted nor held") {
  ManagedConnection manager{"host=/nonexistent"};
  CHECK_THROWS_AS(static_cast<void>(manager.lease()), pqlease::ConnectionDown);
  CHECK(manager.statistics() == Statistics{.failed_opens = 1});
}

TEST_CASE("a lease is held from its grant to its release") {
  Fixture fixture;
  auto const before = Clock::now();
  auto lease = fixture.manager.lease();
  auto const taken = Clock::now();
  CHECK(fixture.manager.statistics().leases_granted == 1);
  CHECK(fixture.manager.statistics().hold.count() == 0);
  CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT 1") == 1);
  auto const done = Clock::now();
  lease.release();
  auto const after = Clock::now();
  auto const hold = fixture.manager.statistics().hold;
  CHECK(hold.count() == 1);
  CHECK(hold.sum >= std::chrono::floor<std::chrono::microseconds>(done - taken));
  CHECK(hold.sum <= after - before);
}

TEST_CASE("a thread that had to wait is counted as contended, with the time until the lease was its own") {
  Fixture fixture;
  std::optional<Clock::time_point> asked;
  auto held = fixture.manager.lease();
  std::jthread waiter{[&] {
    asked = Clock::now();
    auto lease = fixture.manager.lease();
  }};
  std::jthread{[&] { REQUIRE(poll_until([&] { return somebody_waits(fixture.manager); }, 10s)); }}.join();
  auto const waiting = Clock::now();
  CHECK(fixture.manager.statistics().leases_contended == 0);
  auto const end_of_wait = Clock::now();
  held.release();
  waiter.join();
  auto const after = Clock::now();
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.leases_granted == 2);
  CHECK(statistics.leases_contended == 1);
  CHECK(statistics.wait.count() == 2);
  CHECK(statistics.wait.buckets[0] == 1);  // the first lease
  CHECK(statistics.wait.sum >= std::chrono::floor<std::chrono::microseconds>(end_of_wait - waiting));
  CHECK(statistics.wait.sum <= after - *asked);
  CHECK(statistics.hold.count() == 2);
}

TEST_CASE("statistics can be read by any thread while others take leases") {
  constexpr int threads = 4;
  constexpr int rounds = 500;
  Fixture fixture;
  {
    std::vector<std::jthread> users;
    for (int i = 0; i < threads; ++i) {
      users.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) auto lease = fixture.manager.lease();
      });
    }
    for (Statistics last; last.hold.count() < threads * rounds;) {
      auto const now = fixture.manager.statistics();
      REQUIRE(now.leases_contended <= now.leases_granted);
      REQUIRE(now.hold.count() <= now.leases_granted);
      auto const since = now - last;
      REQUIRE(since.leases_granted <= threads * rounds);  // or it would have wrapped round
      REQUIRE(since.wait.sum >= 0us);
      REQUIRE(since.hold.sum >= 0us);
      last = now;
    }
  }
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.leases_granted == threads * rounds);
  CHECK(statistics.wait.count() == threads * rounds);
}

TEST_SUITE_END();
