#include "probe.hpp"
#include "support/psql.hpp"
#include "support/test_server.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <stdexcept>

namespace pqlease::testing {

namespace {

// Whatever kind of server a test got.
void check_that_it_serves(TestServer &server, Inherited inherited) {
  CHECK(psql(server.conninfo(), "SELECT current_database()", inherited) == "postgres");
  CHECK(server.describe().starts_with("PostgreSQL "));
  OpenSession const session{server.conninfo() + " dbname=postgres"};
  server.kill_backend(session.pid());
  CHECK(::kill(session.pid(), 0) != 0);
}

}  // namespace

TEST_SUITE_BEGIN("support");

TEST_CASE("a test run has one server, started when it is first asked for") {
  auto &server = test_server();
  CHECK(&server == &test_server());
  CHECK(server.can_restart());
  check_that_it_serves(server, Inherited::without_libpq);
  server.restart(StopMode::immediate);
  CHECK(psql(server.conninfo(), "SELECT 1") == "1");
}

TEST_CASE("a test attached to a cluster has full control of it, and leaves it behind") {
  ThrowawayServer owner;
  ScopedVariable const variable{"PQLEASE_TEST_SERVER", owner.folder()};
  {
    auto const attached = make_test_server();
    CHECK(attached->conninfo() == owner.conninfo());
    CHECK(attached->loopback_port() == owner.port());
    CHECK(attached->can_restart());
    check_that_it_serves(*attached, Inherited::without_libpq);
    attached->stop(StopMode::fast);
    CHECK_FALSE(owner.is_running());
    attached->start();
    attached->restart(StopMode::immediate);
    CHECK(attached->log_text() == owner.log_text());
  }
  CHECK(psql(owner.conninfo(), "SELECT 1") == "1");
}

TEST_CASE("attaching to a folder without a cluster fails and names the folder") {
  ScopedVariable const variable{"PQLEASE_TEST_SERVER", "/nonexistent"};
  CHECK_THROWS_WITH_AS(make_test_server(), "/nonexistent/data is no cluster of the test support", std::runtime_error);
}

TEST_CASE("a server that the environment names is used and not controlled") {
  ThrowawayServer const someone_elses;
  ScopedVariable const host{"PGHOST", "127.0.0.1"};
  ScopedVariable const port{"PGPORT", std::to_string(someone_elses.port())};
  ScopedVariable const user{"PGUSER", "postgres"};
  auto const server = make_test_server();
  CHECK(server->conninfo() == "dbname=postgres");
  CHECK(server->loopback_port() == someone_elses.port());
  CHECK_FALSE(server->can_restart());
  CHECK_THROWS_AS(server->stop(StopMode::fast), std::logic_error);
  CHECK_THROWS_AS(server->start(), std::logic_error);
  CHECK_THROWS_AS(server->restart(StopMode::fast), std::logic_error);
  CHECK(psql(server->conninfo(), "SHOW port", Inherited::everything) == std::to_string(someone_elses.port()));
  OpenSession const session{someone_elses.conninfo()};
  server->kill_backend(session.pid());
  CHECK(psql(someone_elses.conninfo(),
             "SELECT count(*) FROM pg_stat_activity WHERE pid = " + std::to_string(session.pid())) == "0");
  ScopedVariable const database{"PGDATABASE", "template1"};
  CHECK(psql(server->conninfo(), "SELECT current_database()", Inherited::everything) == "template1");
}

TEST_SUITE_END();

}  // namespace pqlease::testing
