// When a block is run again.

#include "heard.hpp"
#include "proxied_fixture.hpp"
#include "support/detail/poll_until.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using pqlease::AtomicOptions;
using pqlease::IsolationLevel;
using pqlease::Jitter;
using pqlease::ManagedConnection;
using pqlease::RetryPolicy;
using pqlease::testing::ApplicationError;
using pqlease::testing::Direction;
using pqlease::testing::Ending;
using pqlease::testing::Fixture;
using pqlease::testing::poll_until;
using pqlease::testing::ProxiedFixture;

namespace {

/// Retries without a delay to speak of.
RetryPolicy at_once(std::size_t attempts) {
  return {.max_attempts = attempts, .initial_delay = 1ms, .max_delay = 1ms, .jitter = Jitter::none};
}

/// A retry that nobody waits for in a test.
RetryPolicy in_a_minute() { return {.max_attempts = 2, .initial_delay = 1h, .max_delay = 1h, .jitter = Jitter::none}; }

void raise(pqxx::transaction_base &tx, std::string const &sqlstate) {
  tx.exec("DO $$ BEGIN RAISE 'as asked' USING ERRCODE = '" + sqlstate + "'; END $$");
}

/// Runs a block that fails with an error of SQL as many times as it is run. Returns how often that was.
template <class Exception> int runs_of(Fixture &fixture, AtomicOptions const &options, std::string const &sqlstate) {
  int runs = 0;
  CHECK_THROWS_AS(fixture.manager.atomic(options,
                                         [&](pqxx::transaction_base &tx) {
                                           ++runs;
                                           fixture.insert(tx);
                                           raise(tx, sqlstate);
                                         }),
                  Exception);
  return runs;
}

bool is_gone(int pid) {
  pqxx::connection onlooker{pqlease::testing::test_server().conninfo()};
  return pqxx::nontransaction{onlooker}.query_value<bool>(
      "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pqxx::params{pid});
}

/// A row that a block and somebody else count up.
class Counter {
public:
  explicit Counter(Fixture &fixture) : table_{fixture.table} {
    fixture.manager.atomic(
        [&](pqxx::transaction_base &tx) { tx.exec("INSERT INTO " + table_ + " VALUES ('n', '0')"); });
  }
  [[nodiscard]] int value(pqxx::transaction_base &tx) const {
    return tx.query_value<int>("SELECT value::int FROM " + table_ + " WHERE key = 'n'");
  }
  void set(pqxx::transaction_base &tx, int value) const {
    tx.exec("UPDATE " + table_ + " SET value = '" + std::to_string(value) + "' WHERE key = 'n'");
  }

private:
  std::string table_;
};

}  // namespace

TEST_SUITE_BEGIN("atomic retry");

TEST_CASE("a block that met a real conflict is run again as a whole, and nothing is lost or applied twice") {
  Fixture fixture;
  Counter const counter{fixture};
  ManagedConnection other{fixture.server.conninfo()};
  int runs = 0;
  auto const result = fixture.manager.atomic(
      {.isolation = IsolationLevel::serializable, .retry = at_once(3)}, [&](pqxx::transaction_base &tx) {
        auto const seen = counter.value(tx);
        if (++runs == 1) other.atomic([&](pqxx::transaction_base &outside) { counter.set(outside, 10); });
        counter.set(tx, seen + 1);
        return seen + 1;
      });
  CHECK(runs == 2);
  CHECK(result == 11);
  CHECK(fixture.manager.atomic([&](pqxx::transaction_base &tx) { return counter.value(tx); }) == 11);
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.blocks_committed == 3);
  CHECK(statistics.blocks_rolled_back == 1);
  CHECK(statistics.blocks_retried == 1);
  CHECK(statistics.blocks_given_up == 0);
}

TEST_CASE("a conflict that only COMMIT finds is retried, too") {
  Fixture fixture;
  Counter const counter{fixture};
  ManagedConnection other{fixture.server.conninfo()};
  AtomicOptions const options{.isolation = IsolationLevel::serializable, .retry = at_once(3)};
  int runs = 0;
  fixture.manager.atomic(options, [&](pqxx::transaction_base &tx) {
    static_cast<void>(counter.value(tx));
    fixture.insert(tx);
    if (++runs > 1) return;
    // The other one reads what this one inserts, and writes what this one has read; and commits first.
    other.atomic({.isolation = IsolationLevel::serializable}, [&](pqxx::transaction_base &outside) {
      outside.exec("SELECT count(*) FROM " + fixture.table);
      counter.set(outside, 1);
    });
  });
  CHECK(runs == 2);
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("serialization failures and deadlocks are retried by default; at last the original exception comes through") {
  Fixture fixture;
  CHECK(runs_of<pqxx::serialization_failure>(fixture, {.retry = at_once(3)}, "40001") == 3);
  CHECK(runs_of<pqxx::deadlock_detected>(fixture, {.retry = at_once(2)}, "40P01") == 2);
  CHECK(fixture.committed_rows() == 0);
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.blocks_committed == 0);
  CHECK(statistics.blocks_rolled_back == 5);
  CHECK(statistics.blocks_retried == 3);
  CHECK(statistics.blocks_given_up == 2);
}

TEST_CASE("without a retry policy there is one attempt, and nothing counts as given up") {
  Fixture fixture;
  CHECK(runs_of<pqxx::serialization_failure>(fixture, {}, "40001") == 1);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
  CHECK(fixture.manager.statistics().blocks_given_up == 0);
}

TEST_CASE("an error that is not on the list is not retried; the list is the caller's") {
  Fixture fixture;
  CHECK(runs_of<pqxx::unique_violation>(fixture, {.retry = at_once(3)}, "23505") == 1);
  auto policy = at_once(3);
  policy.sqlstates = {"23505"};
  CHECK(runs_of<pqxx::unique_violation>(fixture, {.retry = policy}, "23505") == 3);
  CHECK(runs_of<pqxx::serialization_failure>(fixture, {.retry = policy}, "40001") == 1);
}

TEST_CASE("an application's own exception is not retried") {
  Fixture fixture;
  int runs = 0;
  CHECK_THROWS_AS(fixture.manager.atomic({.retry = at_once(3)},
                                         [&](pqxx::transaction_base &) {
                                           ++runs;
                                           throw ApplicationError{"no"};
                                         }),
                  ApplicationError);
  CHECK(runs == 1);
}

TEST_CASE("a conflict in a nested block is retried by the outermost one") {
  Fixture fixture;
  int runs = 0;
  fixture.manager.atomic({.retry = at_once(3)}, [&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    fixture.manager.atomic([&](pqxx::transaction_base &inner) {
      if (++runs == 1) raise(inner, "40001");
    });
  });
  CHECK(runs == 2);
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("callbacks of an attempt that failed are dropped") {
  Fixture fixture;
  int runs = 0;
  int called = 0;
  fixture.manager.atomic({.retry = at_once(3)}, [&](pqxx::transaction_base &tx) {
    fixture.manager.on_commit([&] { ++called; });
    if (++runs < 3) raise(tx, "40001");
  });
  CHECK(called == 1);
}

TEST_CASE("each attempt that failed is one line in the log") {
  Fixture fixture;
  int runs = 0;
  fixture.manager.atomic({.retry = at_once(3)}, [&](pqxx::transaction_base &tx) {
    if (++runs < 3) raise(tx, "40001");
  });
  CHECK(fixture.log.contains("failed, attempt 1 of 3 (SQLSTATE 40001); the next one begins in 1 ms"));
  CHECK(fixture.log.contains("failed, attempt 2 of 3 (SQLSTATE 40001)"));
  CHECK(fixture.log.contains("atomic_retry_test.cpp"));
  CHECK_FALSE(fixture.log.contains("attempt 3"));
  CHECK(runs_of<pqxx::serialization_failure>(fixture, {.retry = at_once(1)}, "40001") == 1);
  CHECK_FALSE(fixture.log.contains("attempt 1 of 1"));
}

TEST_CASE("during the back-off the lease is free; a stop token ends it, and the original exception comes through") {
  Fixture fixture;
  std::stop_source stop;
  std::atomic<bool> failed{false};
  std::jthread other{[&] {
    CHECK(poll_until([&] { return failed.load(); }, 10s));
    fixture.manager.atomic({.lease_timeout = 10s}, [&](pqxx::transaction_base &tx) { fixture.insert(tx); });
    stop.request_stop();
  }};
  int runs = 0;
  CHECK_THROWS_AS(fixture.manager.atomic({.retry = in_a_minute(), .stop = stop.get_token()},
                                         [&](pqxx::transaction_base &tx) {
                                           ++runs;
                                           failed = true;
                                           raise(tx, "40001");
                                         }),
                  pqxx::serialization_failure);
  other.join();
  CHECK(runs == 1);
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.statistics().blocks_given_up == 1);
  CHECK(fixture.manager.statistics().blocks_retried == 0);
}

TEST_CASE("shutdown ends the back-off, and the original exception comes through") {
  Fixture fixture;
  std::jthread other{[&] {
    CHECK(poll_until([&] { return fixture.log.contains("the next one begins in"); }, 10s));
    fixture.manager.shutdown();
  }};
  CHECK(runs_of<pqxx::serialization_failure>(fixture, {.retry = in_a_minute()}, "40001") == 1);
}

TEST_CASE("a delay that would outlast the retry's time-out is not waited for") {
  Fixture fixture;
  auto policy = in_a_minute();
  policy.timeout = 30s;
  CHECK(runs_of<pqxx::serialization_failure>(fixture, {.retry = policy}, "40001") == 1);
  CHECK(fixture.manager.statistics().blocks_given_up == 1);
}

TEST_CASE("a retry's time-out begins with the first attempt, and not with the wait for its lease") {
  Fixture fixture;
  auto policy = at_once(2);
  policy.timeout = 1400ms;
  std::jthread waiter;
  int runs = 0;
  {
    auto const lease = fixture.manager.lease();
    waiter = std::jthread{[&] { runs = runs_of<pqxx::serialization_failure>(fixture, {.retry = policy}, "40001"); }};
    CHECK(poll_until([&] { return pqlease::testing::somebody_waits(fixture.manager); }, 20s));
    auto const out_of_time = std::chrono::steady_clock::now() + policy.timeout;
    CHECK(poll_until([&] { return std::chrono::steady_clock::now() > out_of_time; }, 20s));
  }
  waiter.join();
  CHECK(runs == 2);
}

TEST_CASE("a session lost inside the block: libpqxx's exception comes through, and the next lease has another one") {
  ProxiedFixture proxied;
  int runs = 0;
  CHECK_THROWS_AS(proxied.manager.atomic({.retry = at_once(3)},
                                         [&](pqxx::transaction_base &tx) {
                                           ++runs;
                                           proxied.fixture.insert(tx);
                                           proxied.proxy.cut(Ending::reset);
                                           proxied.fixture.insert(tx);
                                         }),
                  pqxx::broken_connection);
  CHECK(runs == 1);
  CHECK(proxied.fixture.committed_rows() == 0);
  check_next_lease_works(proxied, 2);
}

TEST_CASE("a session lost inside the block is a reason for a retry if the policy says so") {
  ProxiedFixture proxied;
  auto policy = at_once(3);
  policy.on_disconnect = true;
  int runs = 0;
  proxied.manager.atomic({.retry = policy}, [&](pqxx::transaction_base &tx) {
    proxied.fixture.insert(tx);
    if (++runs > 1) return;
    proxied.proxy.cut(Ending::finish);
    proxied.fixture.insert(tx);
  });
  CHECK(runs == 2);
  CHECK(proxied.fixture.committed_rows() == 1);
  CHECK(proxied.manager.epoch() == 2);
  CHECK(proxied.manager.statistics().blocks_retried == 1);
  CHECK(proxied.fixture.log.contains("(session lost)"));
}

TEST_CASE("a session that is lost before BEGIN has arrived is as good a reason") {
  ProxiedFixture proxied;
  proxied.manager.atomic([](pqxx::transaction_base &) {});
  proxied.proxy.cut_after(Direction::to_server, 0, Ending::reset);
  int runs = 0;
  auto const block = [&](pqxx::transaction_base &tx) {
    ++runs;
    proxied.fixture.insert(tx);
  };
  CHECK_THROWS_AS(proxied.manager.atomic(block), pqxx::broken_connection);
  CHECK(runs == 0);
  proxied.manager.atomic([](pqxx::transaction_base &) {});
  proxied.proxy.cut_after(Direction::to_server, 0, Ending::reset);
  auto policy = at_once(3);
  policy.on_disconnect = true;
  proxied.manager.atomic({.retry = policy}, block);
  CHECK(runs == 1);
  CHECK(proxied.fixture.committed_rows() == 1);
  auto const statistics = proxied.manager.statistics();
  CHECK(statistics.blocks_rolled_back == 2);
  CHECK(statistics.blocks_retried == 1);
}

TEST_CASE("trap: libpqxx gives 57P01 as a plain sql_error; it is a lost session all the same") {
  Fixture fixture;
  auto policy = at_once(3);
  policy.on_disconnect = true;
  int runs = 0;
  fixture.manager.atomic({.retry = policy}, [&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    if (++runs == 1) tx.exec("SELECT pg_terminate_backend(pg_backend_pid())");
  });
  CHECK(runs == 2);
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.epoch() == 2);
}

TEST_CASE("a session that the server ends by an error of its own making is as lost") {
  Fixture fixture;
  auto policy = at_once(2);
  policy.on_disconnect = true;
  int runs = 0;
  fixture.manager.atomic({.retry = policy}, [&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    if (++runs > 1) return;
    auto const pid = tx.query_value<int>("SELECT pg_backend_pid()");
    tx.exec("SET LOCAL idle_in_transaction_session_timeout = 1");
    CHECK(poll_until([&] { return is_gone(pid); }, 20s));
    fixture.insert(tx);
  });
  CHECK(runs == 2);
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.epoch() == 2);
}

TEST_CASE("a session found lost at the end of a block whose function returned is as lost") {
  ProxiedFixture proxied;
  CHECK_THROWS_AS(proxied.manager.atomic([&](pqxx::transaction_base &tx) {
    proxied.proxy.cut(Ending::reset);
    CHECK_THROWS_AS(proxied.fixture.insert(tx), pqxx::broken_connection);
  }),
                  pqxx::broken_connection);
  auto policy = at_once(2);
  policy.on_disconnect = true;
  int runs = 0;
  proxied.manager.atomic({.retry = policy}, [&](pqxx::transaction_base &tx) {
    if (++runs == 1) {
      proxied.proxy.cut(Ending::reset);
      CHECK_THROWS_AS(proxied.fixture.insert(tx), pqxx::broken_connection);
    }
  });
  CHECK(runs == 2);
}

TEST_CASE("a server that stays away uses up the attempts, and what the block met first comes through") {
  ProxiedFixture proxied{{.reconnect = {.initial_delay = 0ms}}};
  auto policy = at_once(4);
  policy.on_disconnect = true;
  int runs = 0;
  CHECK_THROWS_AS(proxied.manager.atomic({.retry = policy},
                                         [&](pqxx::transaction_base &tx) {
                                           ++runs;
                                           proxied.proxy.refuse();
                                           proxied.proxy.cut(Ending::reset);
                                           proxied.fixture.insert(tx);
                                         }),
                  pqxx::broken_connection);
  CHECK(runs == 1);
  auto const statistics = proxied.manager.statistics();
  CHECK(statistics.failed_opens == 3);
  CHECK(statistics.blocks_rolled_back == 1);
  CHECK(statistics.blocks_retried == 0);
  CHECK(statistics.blocks_given_up == 1);
}

TEST_CASE("a server that comes back before the attempts are used up is all that a block needs") {
  ProxiedFixture proxied{{.reconnect = {.initial_delay = 0ms}}};
  RetryPolicy const policy{.max_attempts = 10'000,
                           .initial_delay = 1ms,
                           .max_delay = 1ms,
                           .jitter = Jitter::none,
                           .timeout = 20s,
                           .on_disconnect = true};
  std::jthread const repairer{[&] {
    CHECK(poll_until([&] { return proxied.manager.statistics().failed_opens >= 2; }, 10s));
    proxied.proxy.forward();
  }};
  int runs = 0;
  proxied.manager.atomic({.retry = policy}, [&](pqxx::transaction_base &tx) {
    proxied.fixture.insert(tx);
    if (++runs > 1) return;
    proxied.proxy.refuse();
    proxied.proxy.cut(Ending::reset);
    proxied.fixture.insert(tx);
  });
  CHECK(runs == 2);
  CHECK(proxied.fixture.committed_rows() == 1);
}

TEST_SUITE_END();
