#include "probe.hpp"
#include "support/detail/step_down.hpp"
#include "support/psql.hpp"
#include "support/throwaway_pooler.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <stdexcept>

namespace pqlease::testing {

namespace {

// Not every machine that can run the other tests has PgBouncer.
auto const unless_installed = doctest::skip(!find_program("pgbouncer"));

}  // namespace

TEST_SUITE_BEGIN("support");

TEST_CASE("a throwaway pooler answers by its socket and by the loopback address, in the mode it is told" *
          unless_installed) {
  for (auto const mode : {PoolMode::session, PoolMode::transaction}) {
    ThrowawayPooler const pooler{test_server(), {.mode = mode, .configuration = {"server_lifetime = 77"}}};
    CHECK(psql(pooler.conninfo(), "SELECT 1") == "1");
    CHECK(psql("host=127.0.0.1 port=" + std::to_string(pooler.port()) + " user=postgres dbname=postgres", "SELECT 1") ==
          "1");
    auto const settings = psql(pooler.conninfo() + " dbname=pgbouncer", "SHOW CONFIG");
    CHECK(settings.find("pool_mode|" + std::string{to_string(mode)} + "|") != std::string::npos);
    CHECK(settings.find("server_lifetime|77|") != std::string::npos);
    CHECK(pooler.version().starts_with("PgBouncer "));
  }
}

TEST_CASE("a throwaway pooler stops, starts and restarts on the same port" * unless_installed) {
  ThrowawayPooler pooler{test_server(), {}};
  pooler.stop();
  CHECK_THROWS_AS(psql(pooler.conninfo(), "SELECT 1"), std::runtime_error);
  pooler.stop();
  pooler.start();
  pooler.start();
  CHECK(psql(pooler.conninfo(), "SELECT 1") == "1");
  pooler.restart();
  CHECK(psql(pooler.conninfo(), "SELECT 1") == "1");
}

TEST_CASE("nothing is left of a throwaway pooler after its destructor" * unless_installed) {
  PrivateTmp const tmp;
  ScopedVariable const variable{"TMPDIR", tmp.path()};
  std::optional<ThrowawayPooler> pooler{std::in_place, test_server(), ThrowawayPooler::Settings{}};
  REQUIRE_FALSE(processes_at_work_in(tmp.path()).empty());
  SUBCASE("that runs") {}
  SUBCASE("that was stopped") { pooler->stop(); }
  pooler.reset();
  CHECK(std::filesystem::is_empty(tmp.path()));
  CHECK(tmp.becomes_empty());
}

TEST_CASE("nothing is left of a throwaway pooler whose owner was killed" * unless_installed) {
  PrivateTmp const tmp;
  auto &server = test_server();
  auto const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);  // ends a child that hangs
    ScopedVariable const variable{"TMPDIR", tmp.path()};
    ThrowawayPooler const pooler{server, {}};
    if (!processes_at_work_in(tmp.path()).empty()) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(tmp.becomes_empty());
}

TEST_CASE("a pooler that cannot start says why, and leaves nothing" * unless_installed) {
  PrivateTmp const tmp;
  ScopedVariable const variable{"TMPDIR", tmp.path()};
  CHECK_THROWS_WITH_AS((ThrowawayPooler{test_server(), {.configuration = {"pool_mode = no such mode"}}}),
                       doctest::Contains("pool_mode"), std::runtime_error);
  CHECK(std::filesystem::is_empty(tmp.path()));
}

TEST_CASE("a test server behind a pooler is reached by way of that, and still controlled" * unless_installed) {
  ThrowawayServer const owner;
  ScopedVariable const folder{"PQLEASE_TEST_SERVER", owner.folder()};
  for (auto const *const mode : {"session", "transaction"}) {
    ScopedVariable const variable{"PQLEASE_TEST_POOLER", mode};
    auto const server = make_test_server();
    CHECK(psql(server->conninfo(), "SELECT 1") == "1");
    CHECK(psql(server->conninfo() + " dbname=pgbouncer", "SHOW CONFIG").find(std::string{"pool_mode|"} + mode) !=
          std::string::npos);
    CHECK(server->loopback_port() != owner.port());
    CHECK(server->describe().find(", behind PgBouncer ") != std::string::npos);
    CHECK(server->can_restart());
    server->restart(StopMode::immediate);
    OpenSession const session{server->conninfo()};
    server->kill_backend(session.pid());
  }
}

TEST_CASE("a mode that PgBouncer does not have is an error, not a test without a pooler") {
  ScopedVariable const variable{"PQLEASE_TEST_POOLER", "on"};
  CHECK_THROWS_WITH_AS(make_test_server(), "PQLEASE_TEST_POOLER=on: session or transaction is meant",
                       std::runtime_error);
}

TEST_SUITE_END();

}  // namespace pqlease::testing
