// Every kind of bad input: a distinct error, within its time-out, with no secret in it.

#include "fixture.hpp"
#include "support/black_hole.hpp"
#include "support/no_server.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace std::chrono_literals;
using pqlease::ConnectionDown;
using pqlease::InvalidConnectionString;
using pqlease::ManagedConnection;
using pqlease::Options;
using pqlease::Status;
using pqlease::testing::ApplicationError;
using pqlease::testing::BlackHole;
using pqlease::testing::full_text;
using pqlease::testing::LogCapture;
using pqlease::testing::test_server;
using pqlease::testing::ThrowawayServer;

namespace {

constexpr auto password = "Sup3r-S3cret-pqlease";

struct Refusal {
  std::string sqlstate;
  std::string text;  // the error's own, and all that is nested in it
};

/// The ConnectionDown that a lease ends with, after checking what is common to all of them.
Refusal refusal_of(ManagedConnection &manager) {
  try {
    auto lease = manager.lease();
  } catch (ConnectionDown const &error) {
    Refusal refusal{.sqlstate = error.sqlstate(), .text = full_text(error)};
    CHECK(refusal.text.find("S3cret") == std::string::npos);
    CHECK(refusal.text.find('\n') != std::string::npos);  // something is nested
    CHECK(manager.status() == Status::closed);
    CHECK(manager.statistics().failed_opens == 1);
    return refusal;
  }
  FAIL("a session was opened");
  return {};
}

Refusal refusal_of(std::string const &conninfo, LogCapture const &log, Options options = {}) {
  options.logger = log.logger();
  ManagedConnection manager{conninfo, std::move(options)};
  auto refusal = refusal_of(manager);
  auto const name = manager.conninfo();
  REQUIRE(refusal.text.starts_with(name + ": no session: "));
  auto const reason = refusal.text.substr(name.size(), refusal.text.find('\n') - name.size());
  CHECK(log.contains("warning: " + name + ": down, next attempt in "));
  CHECK(log.contains(" ms" + reason));
  return refusal;
}

bool says(Refusal const &refusal, std::string const &words) { return refusal.text.find(words) != std::string::npos; }

}  // namespace

TEST_SUITE_BEGIN("bad input");

TEST_CASE("a server that refuses the password") {
  std::unique_ptr<ThrowawayServer> server;
  try {
    server = std::make_unique<ThrowawayServer>(
        ThrowawayServer::Settings{.configuration = {}, .access_rules = {"local all locked scram-sha-256"}});
  } catch (pqlease::testing::NoServer const &) {
    MESSAGE("left out: no server programs to start one that asks for a password");
    return;
  }
  {
    pqxx::connection administrator{server->conninfo()};
    pqxx::nontransaction{administrator}.exec("CREATE ROLE locked LOGIN PASSWORD 'another'");
  }
  auto const folder = server->socket_directory().string();
  auto const port = std::to_string(server->port());
  LogCapture const log;
  auto const by_keyword =
      refusal_of("host=" + folder + " port=" + port + " dbname=postgres user=locked password=" + password, log);
  CHECK(by_keyword.sqlstate == "28P01");
  CHECK(says(by_keyword, "password authentication failed for user \"locked\""));
  auto const by_uri =
      refusal_of("postgres://locked:" + std::string{password} + "@/postgres?host=" + folder + "&port=" + port, log);
  CHECK(by_uri.sqlstate == "28P01");
  CHECK(says(by_uri, "postgres://locked:***@/postgres?host="));
  CHECK_FALSE(log.contains("S3cret"));
}

TEST_CASE("a database that does not exist") {
  LogCapture const log;
  auto const refusal = refusal_of(test_server().conninfo() + " dbname=no_such_database", log);
  CHECK(refusal.sqlstate == "3D000");
  CHECK(says(refusal, "database \"no_such_database\" does not exist"));
  CHECK_FALSE(says(refusal, "LOCATION"));
}

TEST_CASE("a host that does not resolve") {
  LogCapture const log;
  auto const refusal = refusal_of("host=no-such-host.invalid", log);
  CHECK(refusal.sqlstate.empty());
  CHECK(says(refusal, "\"no-such-host.invalid\""));
}

TEST_CASE("a port nobody listens on") {
  std::string port;
  {
    BlackHole const free;
    port = std::to_string(free.port());
  }
  LogCapture const log;
  auto const refusal = refusal_of("host=127.0.0.1 port=" + port, log);
  CHECK(refusal.sqlstate.empty());
  CHECK(says(refusal, "port " + port + " failed"));
}

TEST_CASE("a server that accepts and never answers") {
  BlackHole hole;
  LogCapture const log;
  auto const refusal =
      refusal_of("host=127.0.0.1 sslmode=disable port=" + std::to_string(hole.port()), log, {.connect_timeout = 50ms});
  CHECK(says(refusal, "the server did not answer in time"));
  CHECK(hole.wait_for_connection());
}

TEST_CASE("the deadline of the lease bounds the opening too") {
  BlackHole hole;
  ManagedConnection manager{"host=127.0.0.1 sslmode=disable port=" + std::to_string(hole.port()),
                            {.connect_timeout = 1h}};
  CHECK_THROWS_AS(static_cast<void>(manager.lease_for(50ms)), ConnectionDown);
  CHECK(hole.wait_for_connection());
}

TEST_CASE("a password that libpq takes for a host or a port does not show") {
  LogCapture const log;
  auto const host = refusal_of("postgres://me:x@" + std::string{password} + "@127.0.0.1/db", log);
  CHECK(says(host, "postgres://me:***@127.0.0.1/db"));
  auto const port = refusal_of("postgres://localhost:x/" + std::string{password} + "@127.0.0.1/db", log);
  CHECK(says(port, "postgres://localhost:***@127.0.0.1/db"));
  CHECK_FALSE(log.contains("S3cret"));
}

TEST_CASE("a provider that returns nothing") {
  ManagedConnection manager{[] { return std::string{}; }};
  CHECK_THROWS_WITH_AS(static_cast<void>(manager.lease()), "the provider returned an empty connection string",
                       InvalidConnectionString);
  CHECK(manager.statistics().failed_opens == 1);
  CHECK(manager.status() == Status::closed);
}

TEST_CASE("a provider that returns nonsense") {
  ManagedConnection manager{[] { return "password=" + std::string{password} + " hots=x"; }};
  try {
    auto lease = manager.lease();
    FAIL("a session was opened");
  } catch (InvalidConnectionString const &error) {
    CHECK(full_text(error).find("S3cret") == std::string::npos);
  }
}

TEST_CASE("a provider that throws") {
  ManagedConnection manager{[]() -> std::string { throw ApplicationError{"the vault is sealed"}; }};
  auto const refusal = refusal_of(manager);
  CHECK(says(refusal, "no session: the provider of the connection string failed: the vault is sealed"));
}

TEST_CASE("after a failure the lease is free for the next thread") {
  std::string conninfo = "host=/nonexistent";
  ManagedConnection manager{[&] { return conninfo; }};
  CHECK_THROWS_AS(static_cast<void>(manager.lease()), ConnectionDown);
  conninfo = test_server().conninfo() + " application_name=reachable";
  CHECK(manager.lease());
}

TEST_SUITE_END();
