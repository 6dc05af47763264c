// Traps that other libraries fell into, and that no other test is named after.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using pqlease::Status;
using pqlease::testing::Fixture;
using pqlease::testing::test_server;

namespace {

bool backend_lives(int pid) {
  pqxx::connection other{test_server().conninfo()};
  return pqxx::nontransaction{other}.query_value<bool>(
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = " + std::to_string(pid) + ")");
}

}  // namespace

TEST_SUITE_BEGIN("traps");

TEST_CASE("trap: health checks that report a busy session as dead") {
  Fixture fixture{{.idle_probe_after = 0ms, .probe_timeout = 1s}};
  // The holder's statement lasts for as long as this transaction has the lock.
  pqxx::connection blocker{fixture.server.conninfo()};
  pqxx::work blocking{blocker};
  blocking.exec("SELECT pg_advisory_xact_lock(4712)");
  std::atomic<bool> busy{false};
  std::jthread const holder{[&] {
    auto lease = fixture.manager.lease();
    busy = true;
    busy.notify_all();
    pqxx::nontransaction{*lease}.exec("SELECT pg_advisory_xact_lock(4712)");
  }};
  busy.wait(false);
  CHECK(fixture.manager.is_open());
  CHECK(fixture.manager.status() == Status::leased);
  // Longer than every time-out that could take it for dead.
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_for(1200ms)), pqlease::LeaseTimeout);
  blocking.commit();
  auto const lease = fixture.manager.lease();
  CHECK(lease.epoch() == 1);
  CHECK(fixture.manager.statistics().sessions_replaced == 0);
}

TEST_CASE("trap: silent reconnect in the middle of a transaction") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  {
    pqxx::work work{*lease};
    fixture.insert(work);
    fixture.server.kill_backend(lease->backendpid());
    CHECK_THROWS_AS(fixture.insert(work), pqxx::failure);
    CHECK_THROWS_AS(fixture.insert(work), pqxx::failure);
  }
  // Nor within the same lease afterwards: half of what it has done is gone, and only its user knows what that means.
  CHECK_THROWS_AS(pqxx::nontransaction{*lease}.exec("SELECT 1"), pqxx::broken_connection);
  CHECK(lease.epoch() == 1);
  lease.release();
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.lease().epoch() == 2);
}

TEST_CASE("a session that the server ended for being idle is replaced before the next lease") {
  Fixture fixture{{.on_open = [](pqxx::connection &connection) {
    pqxx::nontransaction{connection}.exec("SET idle_session_timeout = '10ms'");
  }}};
  int first{};
  {
    auto lease = fixture.manager.lease();
    first = lease->backendpid();
  }
  while (backend_lives(first)) std::this_thread::yield();
  auto lease = fixture.manager.lease();
  CHECK(lease->backendpid() != first);
  CHECK(lease.epoch() == 2);
}

TEST_SUITE_END();
