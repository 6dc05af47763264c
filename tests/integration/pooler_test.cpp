// What docs/poolers.md says of PgBouncer, and what a pooler is good for. Needs one: a program of its own.

#include "fixture.hpp"
#include "support/detail/poll_until.hpp"
#include "support/throwaway_pooler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <future>
#include <latch>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::testing;
using pqlease::ConnectionDown;
using pqlease::ManagedConnection;
using pqlease::Pooling;

namespace {

/// A pooler with so many sessions on the server.
ThrowawayPooler pooler_of(int sessions, PoolMode mode, std::vector<std::string> configuration = {}) {
  configuration.push_back("default_pool_size = " + std::to_string(sessions));
  return {test_server(), {.mode = mode, .configuration = std::move(configuration)}};
}

template <class T> T ask(ManagedConnection &manager, std::string const &sql) {
  auto lease = manager.lease_for(30s);
  return pqxx::nontransaction{*lease}.query_value<T>(sql);
}

void execute(ManagedConnection &manager, std::string const &sql) {
  auto lease = manager.lease_for(30s);
  pqxx::nontransaction{*lease}.exec(sql);
}

bool answers(ManagedConnection &manager) {
  try {
    return ask<int>(manager, "SELECT 1") == 1;
  } catch (ConnectionDown const &) {
    return false;
  }
}

/// Two managers that take turns on one session of the server.
struct TwoOnOne {
  ThrowawayPooler pooler = pooler_of(1, PoolMode::transaction);
  ManagedConnection one{pooler.conninfo(), {.pooling = Pooling::transaction}};
  ManagedConnection other{pooler.conninfo(), {.pooling = Pooling::transaction}};
};

/// The message of the failure, and of what is nested in it.
template <class F> std::string failure_of(F f) {
  try {
    f();
  } catch (std::exception const &error) {
    return full_text(error);
  }
  return "no failure";
}

}  // namespace

TEST_SUITE_BEGIN("poolers");

TEST_CASE("in transaction mode forty managers work at the same time on two sessions of the server") {
  constexpr int managers = 40;
  constexpr int rounds = 5;
  auto const pooler = pooler_of(2, PoolMode::transaction);
  Fixture const fixture;
  std::mutex mutex;  // guards most
  int most = 0;
  auto const note = [&](int sessions) {
    std::scoped_lock const lock{mutex};
    most = std::max(most, sessions);
  };
  std::latch all_connected{managers};
  {
    std::vector<std::jthread> daemons;
    for (int number = 0; number < managers; ++number) {
      daemons.emplace_back([&] {
        ManagedConnection manager{pooler.conninfo() + " application_name=" + fixture.table,
                                  {.pooling = Pooling::transaction}};
        CHECK(ask<int>(manager, "SELECT 1") == 1);
        all_connected.arrive_and_wait();  // none of them disconnects to let another one in
        for (int round = 0; round < rounds; ++round) {
          auto lease = manager.lease_for(30s);
          pqxx::work transaction{*lease};
          fixture.insert(transaction);
          note(transaction.query_value<int>(
              "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE application_name = '" + fixture.table + "'"));
          transaction.commit();
        }
        CHECK(manager.epoch() == 1);
      });
    }
  }
  CHECK(fixture.committed_rows() == managers * rounds);
  CHECK(most >= 1);
  CHECK(most <= 2);
}

TEST_CASE("in session mode a manager has its session of the server until it closes it") {
  auto const pooler = pooler_of(1, PoolMode::session, {"query_wait_timeout = 1"});
  ManagedConnection one{pooler.conninfo()};
  ManagedConnection other{pooler.conninfo()};
  auto const backend = ask<int>(one, "SELECT pg_backend_pid()");
  CHECK_THROWS_AS(execute(other, "SELECT 1"), pqxx::failure);
  CHECK(pooler.log_text().find("query_wait_timeout") != std::string::npos);  // libpqxx does not pass it on
  one.close();
  CHECK(ask<int>(other, "SELECT pg_backend_pid()") == backend);
}

TEST_CASE("in transaction mode what a session remembers is found in it by whoever has it next") {
  TwoOnOne two;
  SUBCASE("a parameter that was set") {
    execute(two.one, "SET work_mem = '65kB'");
    CHECK(ask<std::string>(two.other, "SHOW work_mem") == "65kB");
  }
  SUBCASE("a temporary table") {
    execute(two.one, "CREATE TEMPORARY TABLE mine ()");
    CHECK(ask<int>(two.other, "SELECT count(*) FROM mine") == 0);
  }
  SUBCASE("a statement that SQL has prepared") {
    execute(two.one, "PREPARE mine AS SELECT 42");
    CHECK(ask<int>(two.other, "EXECUTE mine") == 42);
  }
  SUBCASE("an advisory lock, which two then hold") {
    auto const *const lock = "SELECT pg_try_advisory_lock(42)";
    CHECK(ask<bool>(two.one, lock));
    CHECK(ask<bool>(two.other, lock));
  }
  SUBCASE("a channel that is listened to") {
    execute(two.one, "LISTEN mine");
    CHECK(ask<std::string>(two.other, "SELECT pg_listening_channels()") == "mine");
  }
}

TEST_CASE("in transaction mode what belongs to a transaction works: SET LOCAL, transaction locks, NOTIFY") {
  TwoOnOne two;
  {
    auto lease = two.one.lease();
    pqxx::work transaction{*lease};
    transaction.exec("SET LOCAL work_mem = '65kB'; NOTIFY mine; CREATE TEMPORARY TABLE mine (key int) ON COMMIT DROP");
    CHECK(transaction.query_value<std::string>("SHOW work_mem") == "65kB");
    CHECK(transaction.query_value<bool>("SELECT pg_try_advisory_xact_lock(42)"));
    transaction.commit();
  }
  CHECK(ask<std::string>(two.other, "SHOW work_mem") != "65kB");
  CHECK(ask<bool>(two.other, "SELECT to_regclass('pg_temp.mine') IS NULL"));
}

TEST_CASE("in transaction mode listen() is refused, and notify() reaches who has a session to listen in") {
  TwoOnOne two;
  CHECK_THROWS_AS(static_cast<void>(two.one.listen("mine", [](pqlease::Notification const &) {})), pqlease::UsageError);
  std::promise<std::string> heard;
  std::once_flag once;
  ManagedConnection direct{test_server().conninfo()};
  auto const subscription = direct.listen("mine", [&](pqlease::Notification const &notification) {
    if (!notification.is_gap()) std::call_once(once, [&] { heard.set_value(notification.payload); });
  });
  two.one.notify("mine", "news");
  auto news = heard.get_future();
  REQUIRE(news.wait_for(30s) == std::future_status::ready);
  CHECK(news.get() == "news");
}

TEST_CASE("in transaction mode a leaked transaction is rolled back, and gives the session free for others") {
  TwoOnOne two;
  auto lease = two.one.lease();
  pqxx::nontransaction{*lease}.exec("BEGIN");
  CHECK_THROWS_AS(lease.release(), pqlease::UncommittedTransaction);
  CHECK(ask<int>(two.other, "SELECT 1") == 1);
}

TEST_CASE("in transaction mode a server that was restarted costs no session, since that is one with the pooler") {
  TwoOnOne two;
  CHECK(ask<int>(two.one, "SELECT 1") == 1);
  test_server().restart(StopMode::immediate);
  CHECK(ask<int>(two.one, "SELECT 1") == 1);
  CHECK(two.one.epoch() == 1);
}

TEST_CASE(
    "a parameter in the connection string is refused by the pooler; session_parameters sets it, in session mode") {
  auto const pooler = pooler_of(1, PoolMode::session);
  ManagedConnection refused{pooler.conninfo() + " options='-c work_mem=65kB'"};
  CHECK(failure_of([&] { execute(refused, "SELECT 1"); }).find("unsupported startup parameter") != std::string::npos);
  ManagedConnection manager{pooler.conninfo(), {.session_parameters = {{"work_mem", "65kB"}}}};
  CHECK(ask<std::string>(manager, "SHOW work_mem") == "65kB");
  // The next client gets the session cleared, by server_reset_query.
  manager.close();
  ManagedConnection next{pooler.conninfo()};
  CHECK(ask<std::string>(next, "SHOW work_mem") != "65kB");
}

TEST_CASE("a pooler without its server takes clients in; an on_open that asks makes that a ConnectionDown") {
  for (auto const mode : {PoolMode::session, PoolMode::transaction}) {
    auto const pooler = pooler_of(1, mode, {"query_wait_timeout = 1"});
    ManagedConnection trusting{pooler.conninfo()};
    ManagedConnection asking{pooler.conninfo(), {.on_open = [](pqxx::connection &connection) {
                               pqxx::nontransaction{connection}.exec("SELECT 1");
                             }}};
    CHECK(ask<int>(trusting, "SELECT 1") == 1);
    trusting.close();
    test_server().stop(StopMode::fast);
    {
      auto lease = trusting.lease();
      CHECK_THROWS_AS(pqxx::nontransaction{*lease}.exec("SELECT 1"), pqxx::broken_connection);
    }
    CHECK_THROWS_AS(static_cast<void>(asking.lease_for(10s)), ConnectionDown);
    test_server().start();
    // PgBouncer finds out with the next client that comes, which it still turns away.
    CHECK(poll_until([&] { return answers(asking); }, 30s));
    asking.close();
    CHECK(ask<int>(trusting, "SELECT 1") == 1);
  }
}

TEST_CASE("a pooler that was restarted while the session was idle costs a session, and nobody notices") {
  for (auto const mode : {PoolMode::session, PoolMode::transaction}) {
    auto pooler = pooler_of(1, mode);
    ManagedConnection manager{pooler.conninfo()};
    CHECK(ask<int>(manager, "SELECT 1") == 1);
    pooler.restart();
    CHECK(ask<int>(manager, "SELECT 1") == 1);
    CHECK(manager.epoch() == 2);
  }
}

TEST_CASE("a statement is cancelled through the pooler, in both modes") {
  for (auto const mode : {PoolMode::session, PoolMode::transaction}) {
    auto const pooler = pooler_of(1, mode);
    ManagedConnection manager{pooler.conninfo()};
    auto lease = manager.lease();
    std::jthread const other{[canceller = lease.canceller()](std::stop_token const &stop) {
      while (!stop.stop_requested()) canceller.cancel();  // one that comes between two statements does nothing
    }};
    auto const failed = failure_of([&] { pqxx::nontransaction{*lease}.exec("SELECT pg_sleep(30)"); });
    CHECK(failed.find("canceling statement due to user request") != std::string::npos);
  }
}

TEST_SUITE_END();
