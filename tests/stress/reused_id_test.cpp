// A COMMIT that is lost, and with it all that the server knew of the transaction, whose id it gives to another one.

#include "support/commit_cut.hpp"
#include "support/detail/poll_until.hpp"
#include "support/fault_proxy.hpp"
#include "support/standby_server.hpp"
#include "support/throwaway_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::AccessMode;
using pqlease::Outcome;
using pqlease::testing::CommitCut;
using pqlease::testing::cut_commit;
using pqlease::testing::Direction;
using pqlease::testing::Ending;
using pqlease::testing::FaultProxy;
using pqlease::testing::poll_until;
using pqlease::testing::StandbyServer;
using pqlease::testing::StopMode;
using pqlease::testing::ThrowawayServer;

namespace {

// A server that gives no id to anybody else, writes no more of its WAL than it has to, and tells what it was asked.
ThrowawayServer::Settings const quiet{
    .configuration = {"autovacuum = off", "wal_writer_delay = 10s", "log_statement = all"}, .access_rules = {}};

std::uint64_t id_of(pqxx::transaction_base &tx) { return tx.query_value<std::uint64_t>("SELECT pg_current_xact_id()"); }

/// Commits transactions until one has had this id. Returns whether there was one.
bool use_id(std::string const &conninfo, std::uint64_t id) {
  pqxx::connection session{conninfo};
  for (std::uint64_t used = 0; used < id;) {
    pqxx::work tx{session};
    used = id_of(tx);
    tx.commit();
    if (used == id) return true;
  }
  return false;
}

constexpr auto *positions = "ELSE pg_current_wal_insert_lsn()";

int occurrences(std::string_view text, std::string_view part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string through(FaultProxy &proxy, ThrowawayServer const &server) {
  return server.tcp_conninfo() + " port=" + std::to_string(proxy.port()) + " sslmode=disable";
}

/// Returns once the manager's session logs its statements, too.
void log_statements(StandbyServer const &server, pqlease::ManagedConnection &manager) {
  pqxx::connection administrator{server.conninfo()};
  pqxx::nontransaction{administrator}.exec("ALTER SYSTEM SET log_statement = 'all'");
  pqxx::nontransaction{administrator}.exec("SELECT pg_reload_conf()");
  auto const logs = [](pqxx::connection &session) {
    return pqxx::nontransaction{session}.query_value<std::string>("SHOW log_statement") == "all";
  };
  CHECK(poll_until([&] { return manager.with_lease(logs); }, 30s));
}

/// A manager of a server to which something happens between a lost COMMIT and the question what became of it.
class ServerToStop {
public:
  /// Returns once the manager has found out.
  void commit(std::function<void(pqxx::transaction_base &)> const &write, CommitCut::Where where,
              std::function<void()> const &event) {
    std::jthread const meanwhile{[&, cuts = proxy.counts().cut] {
      CHECK(proxy.wait_until([&](auto const &counts) { return counts.cut > cuts; }, 30s));
      event();
      is_away = false;
    }};
    manager.atomic({.outcome = Outcome::resolve, .resolve_timeout = 120s}, [&](pqxx::transaction_base &tx) {
      write(tx);
      is_away = true;
      cut_commit(proxy, tx, {where, Ending::reset}, Outcome::resolve);
    });
  }

  ThrowawayServer server{quiet};
  FaultProxy proxy{server.port()};
  std::atomic<bool> is_away{false};
  pqlease::ManagedConnection manager{[this] {
                                       if (is_away) throw std::runtime_error{"the server is away"};
                                       return through(proxy, server);
                                     },
                                     {.reconnect = {.initial_delay = 5ms, .max_delay = 20ms}}};
};

}  // namespace

TEST_SUITE_BEGIN("stress");

TEST_CASE("an id that a standby which was behind gives to another transaction: the lost one is found rolled back") {
  ThrowawayServer const primary{quiet};
  StandbyServer standby{primary};
  FaultProxy proxy{primary.port()};
  std::atomic<bool> to_standby{false};
  pqlease::ManagedConnection manager{[&] { return to_standby ? standby.tcp_conninfo() : through(proxy, primary); }};
  bool given_again = false;
  auto const block = [&](pqxx::transaction_base &tx) {
    standby.promote();
    auto const id = id_of(tx);
    tx.exec("CREATE TABLE lost (id integer)");
    given_again = use_id(standby.conninfo(), id);
    cut_commit(proxy, tx, {CommitCut::Where::answer, Ending::reset}, Outcome::resolve);
    to_standby = true;
  };
  CHECK_THROWS_AS(manager.atomic({.outcome = Outcome::resolve}, block), pqlease::TransactionAborted);
  CHECK(given_again);
  CHECK(manager.statistics().in_doubt_rolled_back == 1);
  auto lease = manager.lease();
  CHECK(pqxx::nontransaction{*lease}.query_value<bool>("SELECT to_regclass('lost') IS NULL"));
}

TEST_CASE("an id that a server gives out again after a crash: the lost transaction is found rolled back") {
  ServerToStop stopped;
  std::atomic<std::uint64_t> id{0};
  bool given_again = false;
  auto const crash = [&] {
    stopped.server.restart(StopMode::immediate);
    given_again = use_id(stopped.server.conninfo(), id);
  };
  // Little enough to stay in memory.
  stopped.manager.with_lease(
      [](pqxx::connection &session) { pqxx::nontransaction{session}.exec("SELECT pg_switch_wal()"); });
  auto const write = [&](pqxx::transaction_base &tx) {
    id = id_of(tx);
    tx.exec("SELECT pg_logical_emit_message(true, 'pqlease', 'lost')");
  };
  CHECK_THROWS_AS(stopped.commit(write, CommitCut::Where::question, crash), pqlease::TransactionAborted);
  CHECK(given_again);
  CHECK(stopped.manager.statistics().in_doubt_rolled_back == 1);
}

TEST_CASE("a server that has lost nothing of a transaction tells the truth about it, whatever it has been through") {
  ServerToStop stopped;
  stopped.manager.atomic([](pqxx::transaction_base &tx) { tx.exec("CREATE TABLE kept (id integer)"); });
  auto const crash = [&] { stopped.server.restart(StopMode::immediate); };
  auto const restart = [&] { stopped.server.restart(StopMode::fast); };
  auto const nothing = [] {};
  auto const write = [](pqxx::transaction_base &tx) { tx.exec("INSERT INTO kept VALUES (1)"); };
  std::vector<std::function<void()>> const events{crash, nothing, crash, restart, nothing};
  for (auto const &event : events) stopped.commit(write, CommitCut::Where::answer, event);
  CHECK(stopped.manager.statistics().in_doubt_committed == events.size());
}

TEST_CASE("where the positions are not told, the id has to do, and they are asked for once") {
  ThrowawayServer const server{quiet};
  {
    pqxx::connection session{server.conninfo()};
    pqxx::nontransaction{session}.exec(
        "CREATE ROLE plain LOGIN; CREATE TABLE kept (id integer); GRANT INSERT ON kept TO plain;"
        "REVOKE EXECUTE ON FUNCTION pg_current_wal_insert_lsn() FROM PUBLIC");
  }
  FaultProxy proxy{server.port()};
  pqlease::ManagedConnection manager{through(proxy, server) + " user=plain"};
  auto const insert = [](pqxx::transaction_base &tx) { tx.exec("INSERT INTO kept VALUES (1)"); };
  for (int i = 0; i < 3; ++i) manager.atomic({.outcome = Outcome::resolve}, insert);
  CHECK(occurrences(server.log_text(), positions) == 2);  // the statement, and again with the error that it met
  manager.atomic({.outcome = Outcome::resolve}, [&](pqxx::transaction_base &tx) {
    insert(tx);
    auto const before = proxy.settled_counts();
    tx.exec("SELECT pg_current_xact_id_if_assigned(), NULL, NULL, NULL");
    auto const answer = proxy.settled_counts().from_server - before.from_server;
    proxy.cut_after(Direction::to_client, answer + 1, Ending::reset);
  });
  CHECK(manager.statistics().in_doubt_committed == 1);
  CHECK(manager.statistics().blocks_committed == 4);
}

TEST_CASE("a session on a standby has positions to tell once that is promoted") {
  ThrowawayServer const primary{quiet};
  StandbyServer standby{primary};
  pqlease::ManagedConnection manager{standby.conninfo()};
  manager.atomic({.access = AccessMode::read_only, .outcome = Outcome::resolve},
                 [](pqxx::transaction_base &tx) { tx.exec("SELECT 1"); });
  standby.promote();
  log_statements(standby, manager);
  CHECK(occurrences(standby.log_text(), positions) == 0);
  manager.atomic({.outcome = Outcome::resolve},
                 [](pqxx::transaction_base &tx) { tx.exec("CREATE TABLE t (id integer)"); });
  CHECK(occurrences(standby.log_text(), positions) == 1);  // before COMMIT, and no more before BEGIN
  CHECK(manager.epoch() == 1);
}

TEST_SUITE_END();
