#include "fixture.hpp"
#include "support/detail/poll_until.hpp"

#include <doctest/doctest.h>

#include <array>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Canceller;
using pqlease::Lease;
using pqlease::ManagedConnection;
using pqlease::Status;
using pqlease::testing::backend_of;
using pqlease::testing::Fixture;
using pqlease::testing::loopback_conninfo;
using pqlease::testing::poll_until;
using pqlease::testing::test_server;

namespace {

/// The SQLSTATE of a statement's failure; empty when it succeeds.
std::string sqlstate_of(pqxx::connection &connection, std::string const &sql) {
  try {
    pqxx::nontransaction{connection}.exec(sql);
    return {};
  } catch (pqxx::sql_error const &error) {
    return error.sqlstate();
  }
}

std::string const cancelled = "57014";

void wait_until_asleep(int backend) {
  pqxx::connection other{test_server().conninfo()};
  pqxx::nontransaction look{other};
  auto const asleep =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = " + std::to_string(backend);
  CHECK(poll_until([&] { return look.query_value<int>(asleep) == 1; }, 10s));
}

/// Has another thread cancel the statement that the lease runs meanwhile.
void check_cancels(Canceller const &canceller, Lease &lease) {
  auto const backend = backend_of(lease);
  std::jthread const other{[&] {
    wait_until_asleep(backend);
    CHECK(canceller.cancel());
  }};
  CHECK(sqlstate_of(*lease, "SELECT pg_sleep(60)") == cancelled);
}

/// Cancels as often as it can, until it is told to stop.
class Hammer {
public:
  explicit Hammer(Canceller const &canceller)
      : thread_{[this, canceller](std::stop_token const &stop) {
          while (!stop.stop_requested()) {
            if (canceller.cancel()) ++taken_;
          }
        }} {}

  [[nodiscard]] int taken() const { return taken_; }

private:
  std::atomic<int> taken_{0};
  std::jthread thread_;
};

}  // namespace

TEST_SUITE_BEGIN("canceller");

TEST_CASE("a statement that another thread cancels fails in its transaction, and the lease goes on") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  auto const canceller = lease.canceller();
  auto const backend = backend_of(lease);
  {
    pqxx::work transaction{*lease};
    fixture.insert(transaction);
    std::jthread const other{[&] {
      wait_until_asleep(backend);
      CHECK(canceller.cancel());
    }};
    CHECK_THROWS_AS(transaction.exec("SELECT pg_sleep(60)"), pqxx::sql_error);
    CHECK(lease.status() == Status::in_error);
  }
  CHECK(sqlstate_of(*lease, fixture.insert_statement()).empty());
  check_cancels(canceller, lease);
  lease.release();
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.lease().epoch() == 1);
}

TEST_CASE("cancelling an idle lease harms nothing, nor its next statement") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  auto const canceller = lease.canceller();
  for (int i = 0; i < 50; ++i) {
    CHECK(canceller.cancel());
    CHECK(sqlstate_of(*lease, "SELECT 1").empty());
  }
}

TEST_CASE("a canceller follows its lease where it is moved, and ends with it") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  auto const canceller = lease.canceller();
  auto moved = std::move(lease);
  check_cancels(canceller, moved);
  auto const copy = moved.canceller();
  CHECK(copy.cancel());
  moved.release();
  CHECK_FALSE(canceller.cancel());
  CHECK_FALSE(copy.cancel());
  CHECK_FALSE(Canceller{}.cancel());
}

TEST_CASE("no time at all is not enough for a request") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  CHECK_FALSE(lease.canceller().cancel(0ms));
  CHECK_FALSE(lease.canceller().cancel(-1ms));
  lease.release();
  CHECK(fixture.manager.lease().epoch() == 1);
}

TEST_CASE("the canceller of a lease that has ended never cancels the next lease's statement") {
  Fixture fixture;
  auto const stale = fixture.manager.lease().canceller();
  Hammer const hammer{stale};
  auto next = fixture.manager.lease();
  CHECK(sqlstate_of(*next, "SELECT pg_sleep(0.3)").empty());
  CHECK(next.epoch() == 1);
  CHECK(hammer.taken() == 0);
}

TEST_CASE("a canceller outlives its manager, and cancels for as long as the lease does") {
  Fixture const fixture;
  auto manager = std::make_unique<ManagedConnection>(test_server().conninfo());
  auto lease = manager->lease();
  auto const canceller = lease.canceller();
  manager.reset();
  check_cancels(canceller, lease);
  lease.release();
  CHECK_FALSE(canceller.cancel());
}

TEST_CASE("a stop token ends a daemon's statement by way of std::stop_callback") {
  Fixture fixture;
  std::promise<int> backend;
  std::jthread daemon{[&](std::stop_token const &stop) {
    auto lease = fixture.manager.lease();
    std::stop_callback const on_stop{stop, lease.canceller()};
    backend.set_value(backend_of(lease));
    CHECK(sqlstate_of(*lease, "SELECT pg_sleep(60)") == cancelled);
  }};
  wait_until_asleep(backend.get_future().get());
  daemon.request_stop();
  daemon.join();
  CHECK(fixture.manager.lease().epoch() == 1);
}

TEST_CASE("a session is cancelled with SSL and without") {
  auto const by_loopback = loopback_conninfo();
  if (!by_loopback) return;
  for (std::string const sslmode : {"disable", "require"}) {
    CAPTURE(sslmode);
    if (pqxx::connection probe{*by_loopback};
        sslmode == "require" && pqxx::nontransaction{probe}.query_value<std::string>("SHOW ssl") != "on") {
      MESSAGE("the server does not speak SSL");
      continue;
    }
    Fixture fixture{*by_loopback + " sslmode=" + sslmode};
    auto lease = fixture.manager.lease();
    CHECK(pqxx::nontransaction{*lease}.query_value<bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") ==
          (sslmode == "require"));
    check_cancels(lease.canceller(), lease);
  }
}

TEST_CASE("there is no canceller without a session: an empty lease, one closed, swapped or lost by its user") {
  Fixture fixture;
  {
    auto empty = fixture.manager.lease();
    empty.release();
    CHECK_THROWS_AS(static_cast<void>(empty.canceller()), pqlease::UsageError);
  }
  auto lease = fixture.manager.lease();
  auto const earlier = lease.canceller();
  SUBCASE("closed") { lease->close(); }
  SUBCASE("swapped") { *lease = pqxx::connection{test_server().conninfo()}; }
  SUBCASE("lost") {
    fixture.server.kill_backend(backend_of(lease));
    CHECK_THROWS_AS(static_cast<void>(backend_of(lease)), pqxx::broken_connection);
  }
  CHECK_THROWS_AS(static_cast<void>(lease.canceller()), pqxx::broken_connection);
  CHECK(earlier.cancel());  // finds nobody
}

TEST_CASE("the lease's own rollback is not what a canceller cancels") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  {
    Hammer const hammer{lease.canceller()};
    Hammer const another{lease.canceller()};
    for (int i = 0; i < 100; ++i) {
      sqlstate_of(*lease, "BEGIN");
      CHECK_NOTHROW(lease.rollback());
    }
    CHECK(poll_until([&] { return hammer.taken() > 0; }, 10s));
  }
  lease.release();
  CHECK(fixture.manager.lease().epoch() == 1);
}

TEST_CASE("cancellers of every lease at once hit no lease but their own") {
  auto const seed = std::random_device{}();
  CAPTURE(seed);
  Fixture fixture;
  std::mutex mutex;  // guards current
  Canceller current;
  std::atomic<int> wrongly_cancelled{0};
  {
    std::vector<std::jthread> cancelling;
    for (int i = 0; i < 4; ++i) {
      cancelling.emplace_back([&](std::stop_token const &stop) {
        while (!stop.stop_requested()) {
          auto const canceller = [&] {
            std::scoped_lock const lock{mutex};
            return current;
          }();
          if (!canceller.cancel()) std::this_thread::yield();
        }
      });
    }
    std::vector<std::jthread> working;
    for (unsigned i = 0; i < 2; ++i) {
      working.emplace_back([&, random = std::minstd_rand{seed + i}]() mutable {
        for (int round = 0; round < 50; ++round) {
          auto lease = fixture.manager.lease();
          bool const exposed = random() % 2 == 0;
          if (exposed) {
            std::scoped_lock const lock{mutex};
            current = lease.canceller();
          }
          auto const sqlstate = sqlstate_of(*lease, "SELECT pg_sleep(0.002)");
          if (!exposed && !sqlstate.empty()) ++wrongly_cancelled;
        }
      });
    }
    working.clear();
  }
  CHECK(wrongly_cancelled == 0);
  CHECK(fixture.manager.lease().epoch() == 1);
  CHECK(fixture.manager.statistics().leaks == 0);
}

TEST_SUITE_END();
