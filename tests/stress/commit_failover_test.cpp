// A COMMIT that is lost, and a standby to ask about it.

#include "support/commit_cut.hpp"
#include "support/fault_proxy.hpp"
#include "support/standby_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using pqlease::Outcome;
using pqlease::testing::CommitCut;
using pqlease::testing::cut_commit;
using pqlease::testing::Ending;
using pqlease::testing::FaultProxy;
using pqlease::testing::ServerPair;

namespace {

/// A manager that is sent to the primary first, and to the standby from the moment on that its COMMIT is cut.
class Failover {
public:
  Failover() {
    manager_.atomic([](pqxx::transaction_base &tx) { tx.exec("CREATE TABLE cut (id text NOT NULL)"); });
  }

  /// Inserts a row by a COMMIT that arrives, and whose answer does not.
  void insert(std::chrono::milliseconds resolve_timeout) {
    to_standby_ = false;
    manager_.close();
    manager_.atomic({.outcome = Outcome::resolve, .resolve_timeout = resolve_timeout}, [&](pqxx::transaction_base &tx) {
      tx.exec("INSERT INTO cut VALUES ('once')");
      cut_commit(proxy_, tx, {CommitCut::Where::answer, Ending::reset}, Outcome::resolve);
      to_standby_ = true;
    });
  }

  [[nodiscard]] int rows_on_standby() const {
    pqxx::connection session{servers_.standby.conninfo()};
    return pqxx::nontransaction{session}.query_value<int>("SELECT count(*) FROM cut");
  }

  ServerPair servers_{};
  FaultProxy proxy_{servers_.primary.port()};
  std::atomic<bool> to_standby_{false};
  pqlease::ManagedConnection manager_{[this] {
    if (to_standby_) return servers_.standby.tcp_conninfo();
    return servers_.primary.tcp_conninfo() + " port=" + std::to_string(proxy_.port()) + " sslmode=disable";
  }};
};

}  // namespace

TEST_SUITE_BEGIN("stress");

TEST_CASE("a standby decides nothing about a lost COMMIT; once it is promoted, it does") {
  Failover failover;
  try {
    failover.insert(500ms);
    FAIL("it believes a standby");
  } catch (pqlease::OutcomeUnknown const &unknown) {
    CHECK(unknown.transaction_id());
  }
  CHECK(failover.manager_.statistics().in_doubt_unknown == 1);

  std::jthread const promoter{[&] {
    // The second cut: the server has committed then.
    CHECK(failover.proxy_.wait_until([](auto const &counts) { return counts.cut >= 2; }, 30s));
    failover.servers_.primary.stop(pqlease::testing::StopMode::immediate);
    failover.servers_.standby.promote();
  }};
  failover.insert(60s);
  CHECK(failover.manager_.statistics().in_doubt_committed == 1);
  CHECK(failover.rows_on_standby() == 2);
}

TEST_SUITE_END();
