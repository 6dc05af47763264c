#include "fixture.hpp"

#include <doctest/doctest.h>

#include <latch>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;
using pqlease::Lease;
using pqlease::Options;
using pqlease::Status;
using pqlease::testing::Fixture;

namespace {

std::string place(std::source_location where) {
  return std::string{where.file_name()} + ":" + std::to_string(where.line());
}

/// Runs `body` in another thread, and waits for it.
template <class Body> void elsewhere(Body body) { std::jthread{body}.join(); }

}  // namespace

TEST_SUITE_BEGIN("lease");

TEST_CASE("the thread that holds the lease and asks again gets RecursiveLease with both places") {
  Fixture fixture;
  auto first = fixture.manager.lease();
  auto const here = std::source_location::current();
  try {
    auto second = fixture.manager.lease(here);
    FAIL("a second lease");
  } catch (pqlease::RecursiveLease const &error) {
    std::string const what{error.what()};
    CHECK(what.find(place(here)) != std::string::npos);
    CHECK(what.find(place(first.where())) != std::string::npos);
  }
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.try_lease()), pqlease::RecursiveLease);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_for(1h)), pqlease::RecursiveLease);
  CHECK_THROWS_AS(fixture.manager.close(), pqlease::RecursiveLease);
}

TEST_CASE("a lease that is held is a LeaseTimeout that says who holds it and where it was taken") {
  Fixture fixture;
  auto held = fixture.manager.lease();
  elsewhere([&] {
    try {
      auto lease = fixture.manager.lease_for(1ms);
      FAIL("two leases at once");
    } catch (pqlease::LeaseTimeout const &error) {
      std::string const what{error.what()};
      CHECK(what.find("taken at " + place(held.where())) != std::string::npos);
      CHECK(what.find("0 waiting") != std::string::npos);
    }
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_for(0ms)), pqlease::LeaseTimeout);
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_until(std::chrono::steady_clock::now())),
                    pqlease::LeaseTimeout);
  });
  CHECK(fixture.manager.statistics().leases_timed_out == 3);
}

TEST_CASE("lease_timeout bounds lease()") {
  Fixture fixture{Options{.lease_timeout = 1ms}};
  auto held = fixture.manager.lease_for(1h);
  elsewhere([&] { CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), pqlease::LeaseTimeout); });
}

TEST_CASE("a time-out longer than the clock can count is for ever") {
  Fixture fixture;
  CHECK_NOTHROW(static_cast<void>(fixture.manager.lease_for(std::chrono::milliseconds::max())));
}

TEST_CASE("try_lease is empty when somebody else holds the lease, and a lease when nobody does") {
  Fixture fixture;
  {
    auto held = fixture.manager.try_lease();
    CHECK(held);
    elsewhere([&] {
      auto lease = fixture.manager.try_lease();
      CHECK_FALSE(lease);
      CHECK(lease.status() == Status::closed);
      CHECK(lease.epoch() == 0);
      CHECK_THROWS_AS(static_cast<void>(*lease), pqlease::UsageError);
      CHECK_THROWS_AS(lease.rollback(), pqlease::UsageError);
      lease.release();
    });
  }
  CHECK(fixture.manager.try_lease());
}

TEST_CASE("a waiter is cancelled by its stop token") {
  Fixture fixture;
  auto held = fixture.manager.lease();
  std::jthread waiter{[&](std::stop_token const &stop) {
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease(stop)), pqlease::LeaseCancelled);
  }};
  waiter.request_stop();
  waiter.join();
  CHECK(fixture.manager.statistics().leases_cancelled == 1);
}

TEST_CASE("one waiter more than max_waiters is refused") {
  Fixture fixture{Options{.max_waiters = 1}};
  std::latch refused{1};
  auto held = fixture.manager.lease();
  auto const wait = [&](std::stop_token const &stop) {
    try {
      auto lease = fixture.manager.lease(stop);
    } catch (pqlease::TooManyWaiters const &) {
      refused.count_down();
    } catch (pqlease::LeaseCancelled const &) {
      // the one that was allowed to wait
    }
  };
  std::jthread first{wait};
  std::jthread second{wait};
  refused.wait();
  CHECK(fixture.manager.statistics().leases_refused == 1);
}

TEST_CASE("status says leased to others, and what the session does to its holder") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  CHECK(fixture.manager.status() == Status::idle);
  elsewhere([&] {
    CHECK(fixture.manager.status() == Status::leased);
    CHECK(fixture.manager.is_open());
  });
  fixture.begin_by_hand(*lease);
  CHECK(fixture.manager.status() == Status::in_transaction);
  lease.rollback();
  CHECK(fixture.manager.status() == Status::idle);
}

TEST_CASE("rollback ends a transaction by hand, and the release that follows is content") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  fixture.begin_by_hand(*lease);
  lease.rollback();
  CHECK(lease.status() == Status::idle);
  lease.rollback();
  CHECK_NOTHROW(lease.release());
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().leaks == 0);
}

TEST_CASE("rollback ends a COPY") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  pqxx::nontransaction{*lease}.exec("COPY " + fixture.table + " FROM STDIN");
  CHECK(lease.status() == Status::active);
  lease.rollback();
  CHECK(lease.status() == Status::idle);
}

TEST_CASE("rollback refuses to go behind a transaction object's back") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  pqxx::work transaction{*lease};
  CHECK_THROWS_AS(lease.rollback(), pqlease::UsageError);
  CHECK(transaction.query_value<int>("SELECT 1") == 1);
}

TEST_CASE("rollback on a session that was lost says so") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  fixture.begin_by_hand(*lease);
  fixture.server.kill_backend(pqlease::testing::backend_of(lease));
  CHECK_THROWS_AS(lease.rollback(), pqxx::broken_connection);
  CHECK(lease.status() == Status::closed);
  CHECK_THROWS_AS(pqxx::nontransaction{*lease}.exec("SELECT 1"), pqxx::broken_connection);
  CHECK_NOTHROW(lease.release());
}

TEST_CASE("a lease that moved to another thread and was adopted is held there") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  elsewhere([&] {
    auto moved = std::move(lease);
    moved.adopt();
    CHECK(fixture.manager.status() == Status::idle);
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), pqlease::RecursiveLease);
    CHECK(pqxx::nontransaction{*moved}.query_value<int>("SELECT 1") == 1);
    moved.release();
  });
  CHECK_FALSE(lease);  // NOLINT(bugprone-use-after-move): a moved lease is empty, and that is the promise
  CHECK(fixture.manager.try_lease());
}

TEST_SUITE_END();
