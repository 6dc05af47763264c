#include "fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <thread>

using pqlease::ManagedConnection;
using pqlease::ManagerClosed;
using pqlease::Status;
using pqlease::testing::Fixture;
using pqlease::testing::test_server;

namespace {

/// Asked while this thread holds the lease: the refusal of another one says how many wait.
bool somebody_waits(ManagedConnection &manager) {
  bool waits = false;
  std::jthread{[&] {
    try {
      auto lease = manager.lease_for(std::chrono::milliseconds{0});
    } catch (pqlease::LeaseTimeout const &refusal) {
      waits = std::string{refusal.what()}.ends_with("; 1 waiting");
    }
  }}.join();
  return waits;
}

}  // namespace

TEST_SUITE_BEGIN("lifetime");

TEST_CASE("a lease outlives its manager, and its session ends with it") {
  Fixture const fixture;
  auto manager = std::make_unique<ManagedConnection>(test_server().conninfo());
  auto lease = manager->lease();
  auto const pid = pqlease::testing::backend_of(lease);
  manager.reset();
  CHECK(pqlease::testing::backend_of(lease) == pid);
  lease.release();
  pqxx::connection other{test_server().conninfo()};
  pqxx::nontransaction look{other};
  while (look.query_value<int>("SELECT count(*) FROM pg_stat_activity WHERE pid = " + std::to_string(pid)) != 0) {
    std::this_thread::yield();
  }
}

TEST_CASE("a leak in a lease that outlived its manager is still rolled back and thrown") {
  Fixture const fixture;
  auto manager = std::make_unique<ManagedConnection>(test_server().conninfo());
  auto lease = manager->lease();
  manager.reset();
  fixture.begin_by_hand(*lease);
  CHECK_THROWS_AS(lease.release(), pqlease::UncommittedTransaction);
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("a thread that waits when the manager is destroyed gets ManagerClosed") {
  for (int i = 0; i < 20; ++i) {
    auto manager = std::make_unique<ManagedConnection>(test_server().conninfo());
    auto &shared = *manager;
    auto lease = manager->lease();
    std::jthread const waiter{[&] { CHECK_THROWS_AS(static_cast<void>(shared.lease()), ManagerClosed); }};
    while (!somebody_waits(shared)) std::this_thread::yield();
    manager.reset();
    lease.release();
  }
}

TEST_CASE("after shutdown every request is refused, and the session is gone") {
  Fixture fixture;
  { auto lease = fixture.manager.lease(); }
  fixture.manager.shutdown();
  fixture.manager.shutdown();
  CHECK(fixture.manager.status() == Status::closed);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), ManagerClosed);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.try_lease()), ManagerClosed);
  CHECK_THROWS_AS(fixture.manager.close(), ManagerClosed);
  CHECK_THROWS_AS(fixture.manager.with_lease([](pqxx::connection &) {}), ManagerClosed);
}

TEST_CASE("shutdown refuses who waits, leaves the holder alone, and closes the session after it") {
  Fixture fixture;
  std::optional<std::jthread> waiter;
  {
    auto lease = fixture.manager.lease();
    waiter.emplace([&] { CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), ManagerClosed); });
    fixture.manager.shutdown();
    waiter->join();
    CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT 1") == 1);
  }
  CHECK(fixture.manager.status() == Status::closed);
}

TEST_SUITE_END();
