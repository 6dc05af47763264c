#include "probe.hpp"
#include "support/psql.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>

namespace pqlease::testing {

namespace {

// For tests that leave it as it is.
ThrowawayServer &common_server() {
  static ThrowawayServer server;
  return server;
}

std::string failure_of(ThrowawayServer::Settings const &settings) {
  try {
    ThrowawayServer const server{settings};
  } catch (std::runtime_error const &error) {
    return error.what();
  }
  return "no failure";
}

}  // namespace

TEST_SUITE_BEGIN("support");

TEST_CASE("a throwaway server answers by its socket and by the loopback address") {
  auto const &server = common_server();
  CHECK(psql(server.conninfo(), "SELECT 1") == "1");
  CHECK(psql(server.tcp_conninfo(), "SELECT 1") == "1");
  CHECK(psql(server.conninfo(), "SHOW server_version") == server.server_version());
}

TEST_CASE("a throwaway server speaks SSL by the loopback address to who asks for it") {
  auto const &server = common_server();
  auto const is_encrypted = [&](std::string const &sslmode) {
    return psql(server.tcp_conninfo() + " sslmode=" + sslmode,
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  };
  CHECK(is_encrypted("require") == "t");
  CHECK(is_encrypted("disable") == "f");
  // The certificate is good for the address, as far as one that it has signed itself can be.
  auto const certificate = (server.folder() / "data/server.crt").string();
  CHECK(is_encrypted("verify-full sslrootcert=" + certificate) == "t");
}

TEST_CASE("a throwaway server stops, starts and restarts on the same port with the same data") {
  ThrowawayServer server;
  auto const port = server.port();
  psql(server.conninfo(), "CREATE TABLE kept AS SELECT 42 AS answer");
  server.stop();
  CHECK_FALSE(server.is_running());
  CHECK_THROWS_AS(psql(server.conninfo(), "SELECT 1"), std::runtime_error);
  server.stop(StopMode::immediate);
  server.start();
  CHECK(server.is_running());
  server.start();
  for (auto const mode : {StopMode::fast, StopMode::immediate}) {
    server.restart(mode);
    CHECK(server.port() == port);
    CHECK(psql(server.tcp_conninfo(), "SELECT answer FROM kept") == "42");
  }
}

TEST_CASE("kill_backend ends one session and no other, and refuses what is no backend") {
  auto &server = common_server();
  OpenSession victim{server.conninfo()};
  OpenSession const bystander{server.conninfo()};
  server.kill_backend(victim.pid());
  CHECK(::kill(victim.pid(), 0) != 0);
  CHECK(::kill(bystander.pid(), 0) == 0);
  CHECK(victim.last_words().find("terminating connection due to administrator command") != std::string::npos);
  CHECK(server.log_text().find("terminating connection") != std::string::npos);
  CHECK_THROWS_AS(server.kill_backend(victim.pid()), std::runtime_error);
  CHECK_THROWS_AS(server.kill_backend(::getpid()), std::runtime_error);
}

TEST_CASE("the defaults are those that tests of transactions need") {
  auto const &server = common_server();
  auto const setting = [&](std::string const &name) { return psql(server.conninfo(), "SHOW " + name); };
  CHECK(setting("fsync") == "off");
  CHECK(setting("full_page_writes") == "off");
  CHECK(setting("synchronous_commit") == "on");
  CHECK(setting("max_prepared_transactions") == "64");
  CHECK(setting("max_connections") == "200");
  CHECK(setting("listen_addresses") == "127.0.0.1");
  CHECK(setting("server_encoding") == "UTF8");
  CHECK(psql(server.conninfo(), "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C");
}

TEST_CASE("extra settings win over the defaults, and extra access rules come first") {
  ThrowawayServer server{
      {.configuration = {"max_connections = 17"}, .access_rules = {"host all locked 127.0.0.1/32 scram-sha-256"}}};
  CHECK(psql(server.conninfo(), "SHOW max_connections") == "17");
  psql(server.conninfo(), "CREATE ROLE locked LOGIN PASSWORD 'sesame'");
  auto const locked = server.tcp_conninfo() + " user=locked";
  CHECK_THROWS_AS(psql(locked, "SELECT 1"), std::runtime_error);
  CHECK(psql(locked + " password=sesame", "SELECT current_user") == "locked");
}

TEST_CASE("libpq's environment variables do not bend what a throwaway server is told") {
  ScopedVariable const options{"PGOPTIONS", "-c no_such_setting=1"};
  ScopedVariable const address{"PGHOSTADDR", "127.0.0.2"};
  ScopedVariable const data{"PGDATA", "/nonexistent"};
  ScopedVariable const port{"PGPORT", "1"};
  ThrowawayServer server;
  server.restart();
  CHECK(psql(server.conninfo(), "SELECT 1") == "1");
}

TEST_CASE("nothing is left of a throwaway server after its destructor") {
  PrivateTmp const tmp;
  ScopedVariable const variable{"TMPDIR", tmp.path()};
  std::optional<ThrowawayServer> server{std::in_place};
  REQUIRE(server->folder().parent_path() == tmp.path());
  REQUIRE_FALSE(processes_at_work_in(tmp.path()).empty());
  OpenSession const session{server->conninfo()};
  SUBCASE("that runs") {}
  SUBCASE("that was stopped") { server->stop(); }
  server.reset();
  CHECK(std::filesystem::is_empty(tmp.path()));
  CHECK(::kill(session.pid(), 0) != 0);
  CHECK(tmp.becomes_empty());
}

TEST_CASE("a server that cannot start says why, and leaves nothing") {
  PrivateTmp const tmp;
  ScopedVariable const variable{"TMPDIR", tmp.path()};
  auto const message = failure_of({.configuration = {"no_such_setting = 1"}});
  CHECK(message.find("unrecognized configuration parameter \"no_such_setting\"") != std::string::npos);
  CHECK(std::filesystem::is_empty(tmp.path()));
}

TEST_CASE("a temporary folder whose name is too long for a socket's path is passed over") {
  PrivateTmp const tmp;
  auto const deep = tmp.path() / std::string(90, 'd');
  std::filesystem::create_directory(deep);
  ScopedVariable const variable{"TMPDIR", deep};
  ThrowawayServer const server;
  CHECK(server.folder().parent_path() == "/tmp");
  CHECK(psql(server.conninfo(), "SELECT 1") == "1");
}

TEST_CASE("two throwaway servers live side by side") {
  auto const &one = common_server();
  ThrowawayServer const other;
  CHECK(one.port() != other.port());
  CHECK(psql(one.conninfo(), "SHOW port") == std::to_string(one.port()));
  CHECK(psql(other.conninfo(), "SHOW port") == std::to_string(other.port()));
}

TEST_CASE("a forked process that drops its copy of the server does not stop it") {
  auto server = std::make_unique<ThrowawayServer>();
  pid_t const child = ::fork();
  if (child == 0) {
    server.reset();
    ::_exit(0);
  }
  int status{};
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(psql(server->conninfo(), "SELECT 1") == "1");
}

TEST_CASE("programs that are named but not there are an error, not a skipped test") {
  ScopedVariable const variable{"PQLEASE_PG_BINDIR", "/nonexistent"};
  CHECK_THROWS_AS(ThrowawayServer{}, std::runtime_error);
  try {
    ThrowawayServer const server;
  } catch (NoServer const &) {
    FAIL("a wrong PQLEASE_PG_BINDIR passes as a machine without a server");
  } catch (std::runtime_error const &error) {
    CHECK(std::string{error.what()}.find("PQLEASE_PG_BINDIR") != std::string::npos);
  }
}

TEST_SUITE_END();

}  // namespace pqlease::testing
