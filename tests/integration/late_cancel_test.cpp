// Cancel requests that do not get through, or not in time: a relay holds them up on their way.

#include "fixture.hpp"
#include "support/cancel_relay.hpp"
#include "support/detail/poll_until.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace std::chrono_literals;
using pqlease::Options;
using pqlease::testing::CancelRelay;
using pqlease::testing::Fixture;
using pqlease::testing::loopback_conninfo;
using pqlease::testing::test_server;

namespace {

using Clock = std::chrono::steady_clock;

/// A manager whose session goes through a relay.
struct RelayedFixture {
  explicit RelayedFixture(Options options = {})
      : relay{test_server().loopback_port().value()},
        fixture{loopback_conninfo(relay.port()).value() + " sslmode=disable", std::move(options)} {}

  CancelRelay relay;
  Fixture fixture;
};

bool nap(pqlease::Lease &lease) {
  try {
    pqxx::nontransaction{*lease}.exec("SELECT pg_sleep(0.3)");
    return true;
  } catch (pqxx::sql_error const &) {
    return false;
  }
}

}  // namespace

TEST_SUITE_BEGIN("late cancel");

TEST_CASE(
    "trap: a cancel request that arrives late and hits the next lease's statement: release waits for one in flight") {
  if (!loopback_conninfo()) return;
  RelayedFixture relayed;
  auto &manager = relayed.fixture.manager;
  std::atomic<bool> next_has_begun{false};
  auto lease = manager.lease();
  relayed.relay.hold();
  std::jthread const cancelling{[canceller = lease.canceller()] { CHECK(canceller.cancel(10s)); }};
  REQUIRE(relayed.relay.wait_for_held());
  std::jthread const next{[&] {
    auto next_lease = manager.lease();
    next_has_begun = true;
    CHECK(nap(next_lease));
    CHECK(next_lease.epoch() == 1);
  }};
  std::jthread const letting_go{[&] {
    CHECK_FALSE(pqlease::testing::poll_until([&] { return next_has_begun.load(); }, 300ms));
    relayed.relay.let_go();
  }};
  lease.release();
}

TEST_CASE("a cancel request that outlasts the release costs the session, and meets nobody when it arrives") {
  if (!loopback_conninfo()) return;
  RelayedFixture relayed{{.release_timeout = 100ms}};
  auto &manager = relayed.fixture.manager;
  auto lease = manager.lease();
  auto const canceller = lease.canceller();
  relayed.relay.hold();
  auto const start = Clock::now();
  CHECK_FALSE(canceller.cancel(50ms));
  CHECK(Clock::now() - start < 250ms);
  REQUIRE(relayed.relay.wait_for_held());

  auto const released = Clock::now();
  lease.release();
  CHECK(Clock::now() - released < 300ms);
  CHECK(relayed.fixture.log.contains("still under way"));
  CHECK(manager.statistics().forced_closes == 1);
  CHECK_FALSE(canceller.cancel());

  auto next = manager.lease();
  CHECK(next.epoch() == 2);
  relayed.relay.let_go();
  CHECK(nap(next));
}

TEST_CASE("a rollback that a cancel request could still hit closes the session") {
  if (!loopback_conninfo()) return;
  RelayedFixture relayed{{.release_timeout = 100ms}};
  auto lease = relayed.fixture.manager.lease();
  auto const canceller = lease.canceller();
  relayed.relay.hold();
  CHECK_FALSE(canceller.cancel(50ms));
  REQUIRE(relayed.relay.wait_for_held());
  CHECK_NOTHROW(lease.rollback());  // nothing to do
  relayed.fixture.begin_by_hand(*lease);
  CHECK_THROWS_AS(lease.rollback(), pqxx::broken_connection);
  CHECK(relayed.fixture.committed_rows() == 0);
}

TEST_CASE("a request that cannot reach the server costs nothing") {
  if (!loopback_conninfo()) return;
  RelayedFixture relayed;
  auto &manager = relayed.fixture.manager;
  auto lease = manager.lease();
  auto const canceller = lease.canceller();
  relayed.relay.refuse_clients();
  CHECK_FALSE(canceller.cancel());
  CHECK(nap(lease));
  lease.release();
  CHECK(manager.lease().epoch() == 1);
}

TEST_SUITE_END();
