// Connection strings with several hosts, and sessions that have to be writable, against a primary and its standby.

#include "proxied_fixture.hpp"
#include "support/black_hole.hpp"
#include "support/detail/loopback.hpp"
#include "support/no_server.hpp"
#include "support/standby_server.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using pqlease::ConnectionDown;
using pqlease::ManagedConnection;
using pqlease::Options;
using pqlease::Require;
using pqlease::testing::BlackHole;
using pqlease::testing::check_within;
using pqlease::testing::full_text;
using pqlease::testing::LogCapture;
using pqlease::testing::ServerPair;
using pqlease::testing::StopMode;
using pqlease::testing::test_server;
using pqlease::testing::ThrowawayServer;

namespace {

/// Null, said aloud, where there are no programs to start servers.
template <class Server> std::unique_ptr<Server> make() {
  try {
    return std::make_unique<Server>();
  } catch (pqlease::testing::NoServer const &missing) {
    MESSAGE("left out: ", missing.what());
    return nullptr;
  }
}

/// The pair of the tests that leave both servers as they are.
ServerPair *shared_pair() {
  static auto const pair = make<ServerPair>();
  return pair.get();
}

std::string const loopback_user = "user=postgres dbname=postgres sslmode=disable";

std::string loopback(std::string const &ports) {
  std::string hosts = "127.0.0.1";
  for (char const c : ports) hosts += c == ',' ? ",127.0.0.1" : "";
  return "host=" + hosts + " port=" + ports + " " + loopback_user;
}

/// A port that nothing listens on, kept from everybody else for as long as this lives.
class DeadPort {
public:
  [[nodiscard]] std::string port() const { return std::to_string(pqlease::testing::bound_port(socket_.get())); }

private:
  pqlease::testing::UniqueFd socket_{pqlease::testing::bind_loopback(0)};
};

/// An environment variable, for a while.
class Variable {
public:
  Variable(char const *name, std::string const &value) : name_{name} {
    if (auto const *const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Variable(Variable const &) = delete;
  Variable &operator=(Variable const &) = delete;
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

private:
  char const *name_;
  std::optional<std::string> before_{};
};

/// The service "pqlease", as a file of services says it.
class ServiceFile {
public:
  explicit ServiceFile(std::string const &settings) { std::ofstream{path_} << "[pqlease]\n" << settings; }
  ServiceFile(ServiceFile const &) = delete;
  ServiceFile &operator=(ServiceFile const &) = delete;
  ~ServiceFile() { std::filesystem::remove(path_); }

private:
  std::filesystem::path path_{std::filesystem::temp_directory_path() /
                              ("pqlease-services-" + std::to_string(::getpid()))};
  Variable variable_{"PGSERVICEFILE", path_};
};

int port_of_session(ManagedConnection &manager) {
  auto lease = manager.lease();
  return pqxx::nontransaction{*lease}.query_value<int>("SELECT inet_server_port()");
}

bool writes(ManagedConnection &manager) {
  try {
    auto lease = manager.lease();
    pqxx::nontransaction{*lease}.exec("CREATE TEMPORARY TABLE IF NOT EXISTS scratch (key int)");
    return true;
  } catch (pqxx::sql_error const &error) {
    CHECK(error.sqlstate() == "25006");
    return false;
  }
}

/// The ConnectionDown of a lease.
std::string refusal_of(ManagedConnection &manager) {
  try {
    auto const lease = manager.lease();
  } catch (ConnectionDown const &error) {
    return full_text(error);
  }
  FAIL("a session was opened");
  return {};
}

bool has(std::string const &text, std::string const &words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_SUITE_BEGIN("several hosts");

TEST_CASE("a first host that hangs leaves the second one its share of connect_timeout") {
  auto const port = test_server().loopback_port();
  if (!port) return;
  BlackHole hole;
  // The share of a machine that is held up may still be too short: then the next lease tries again.
  ManagedConnection manager{test_server().conninfo() + " sslmode=disable host=127.0.0.1,127.0.0.1 port=" +
                                std::to_string(hole.port()) + "," + std::to_string(*port),
                            {.connect_timeout = 600ms, .reconnect = {.initial_delay = 0ms}}};
  int attempts = 0;
  bool opened = false;
  for (; !opened && attempts < 10; ++attempts) {
    check_within(600ms, [&] {
      try {
        opened = static_cast<bool>(manager.lease());
      } catch (ConnectionDown const &error) {
        CHECK(has(full_text(error),
                  "port " + std::to_string(hole.port()) + " failed: the server did not answer in time"));
      }
    });
  }
  CHECK(opened);
  CHECK(hole.wait_for_connection(static_cast<std::size_t>(attempts)));
}

TEST_CASE("hosts that hang share connect_timeout, and the error names each") {
  BlackHole first;
  BlackHole second;
  ManagedConnection manager{loopback(std::to_string(first.port()) + "," + std::to_string(second.port())),
                            {.connect_timeout = 400ms}};
  check_within(400ms, [&] {
    auto const text = refusal_of(manager);
    CHECK(has(text, "port " + std::to_string(first.port()) + " failed: the server did not answer in time"));
    CHECK(has(text, "port " + std::to_string(second.port()) + " failed: the server did not answer in time"));
  });
  CHECK(first.wait_for_connection());
  CHECK(second.wait_for_connection());
}

TEST_CASE("when every host refuses, the error names each, and no secret") {
  DeadPort const first;
  DeadPort const second;
  LogCapture const log;
  ManagedConnection manager{"postgres://me:Sup3r-S3cret-pqlease@127.0.0.1:" + first.port() +
                                ",127.0.0.1:" + second.port() + "/postgres",
                            {.logger = log.logger()}};
  auto const text = refusal_of(manager);
  CHECK(has(text, "port " + first.port() + " failed"));
  CHECK(has(text, "port " + second.port() + " failed"));
  CHECK_FALSE(has(text, "S3cret"));
  CHECK_FALSE(log.contains("S3cret"));
}

TEST_CASE("a host that refuses leads to the next one, whose refusal gives the SQLSTATE") {
  auto const port = test_server().loopback_port();
  if (!port) return;
  DeadPort const dead;
  ManagedConnection manager{test_server().conninfo() + " dbname=no_such_database host=127.0.0.1,127.0.0.1 port=" +
                            dead.port() + "," + std::to_string(*port)};
  try {
    auto const lease = manager.lease();
    FAIL("a session was opened");
  } catch (ConnectionDown const &error) {
    CHECK(error.sqlstate() == "3D000");
    CHECK(has(error.what(), "port " + dead.port() + " failed"));
    CHECK(has(error.what(), "database \"no_such_database\" does not exist"));
  }
}

TEST_CASE("lists of different length are refused with libpq's own words") {
  ManagedConnection manager{"host=127.0.0.1,127.0.0.1 port=1,2,3"};
  CHECK(has(refusal_of(manager), "could not match 3 port numbers to 2 hosts"));
}

TEST_CASE("target_session_attrs picks the host that is what it asks for") {
  auto *const pair = shared_pair();
  if (pair == nullptr) return;
  auto const port_for = [&](std::string const &target) {
    ManagedConnection manager{pair->conninfo() + " target_session_attrs=" + target};
    return port_of_session(manager);
  };
  CHECK(port_for("any") == pair->standby.port());  // the first in the list
  CHECK(port_for("standby") == pair->standby.port());
  CHECK(port_for("read-only") == pair->standby.port());
  CHECK(port_for("prefer-standby") == pair->standby.port());
  CHECK(port_for("primary") == pair->primary.port());
  CHECK(port_for("read-write") == pair->primary.port());
}

TEST_CASE("target_session_attrs=prefer-standby takes a primary when no standby is there") {
  auto *const pair = shared_pair();
  if (pair == nullptr) return;
  DeadPort const dead;
  ManagedConnection manager{loopback(dead.port() + "," + std::to_string(pair->primary.port())) +
                            " target_session_attrs=prefer-standby"};
  CHECK(port_of_session(manager) == pair->primary.port());
}

TEST_CASE("a wish that no host fulfils is told for each") {
  auto *const pair = shared_pair();
  if (pair == nullptr) return;
  auto const primary = std::to_string(pair->primary.port());
  ManagedConnection manager{loopback(primary + "," + primary) + " target_session_attrs=standby"};
  auto const text = refusal_of(manager);
  auto const words = "port " + primary + " failed: server is not in hot standby mode";
  REQUIRE(has(text, words));
  CHECK(has(text.substr(text.find(words) + words.size()), words));
}

TEST_CASE("hosts that the environment or a service file names are taken one by one, too") {
  BlackHole const hole;
  DeadPort const dead;
  auto const ports = std::to_string(hole.port()) + "," + dead.port();
  std::optional<Variable> variable;
  std::optional<Variable> second;
  std::optional<ServiceFile> service;
  std::string conninfo = "sslmode=disable";
  SUBCASE("a list of ports beside what the string says") {
    variable.emplace("PGPORT", ports);
    conninfo += " host=127.0.0.1,127.0.0.1";
  }
  SUBCASE("hosts and ports") {
    variable.emplace("PGPORT", ports);
    second.emplace("PGHOST", "127.0.0.1,127.0.0.1");
  }
  SUBCASE("a service") {
    service.emplace("host=127.0.0.1,127.0.0.1\nport=" + ports + "\n");
    conninfo += " service=pqlease";
  }
  ManagedConnection manager{conninfo, {.connect_timeout = 400ms}};
  auto const text = refusal_of(manager);
  CHECK(has(text, "port " + std::to_string(hole.port()) + " failed: the server did not answer in time"));
  CHECK(has(text, "port " + dead.port() + " failed: "));
}

TEST_CASE("a service file that names one host is used as it is, and asked for a writable session where one is wanted") {
  auto *const pair = shared_pair();
  if (pair == nullptr) return;
  ServiceFile const service{"host=127.0.0.1\nport=" + std::to_string(pair->standby.port()) + "\n"};
  ManagedConnection any{"service=pqlease " + loopback_user};
  CHECK(port_of_session(any) == pair->standby.port());
  ManagedConnection writable{"service=pqlease " + loopback_user, {.require = Require::writable}};
  CHECK(has(refusal_of(writable), "session is read-only"));
}

TEST_CASE("trap: after a failover a session can sit on a standby where SELECT 1 passes and every write fails") {
  auto const pair = make<ServerPair>();
  if (!pair) return;
  ManagedConnection careless{pair->conninfo(), {.idle_probe_after = 0ms}};
  CHECK(port_of_session(careless) == pair->standby.port());
  CHECK_FALSE(writes(careless));

  ManagedConnection careful{pair->conninfo(), {.idle_probe_after = 0ms, .require = Require::writable}};
  CHECK(port_of_session(careful) == pair->primary.port());
  CHECK(writes(careful));

  pair->primary.stop(StopMode::immediate);
  auto const text = refusal_of(careful);  // better than a session on the standby
  CHECK(has(text, "port " + std::to_string(pair->standby.port()) + " failed: session is read-only"));
  CHECK(has(text, "port " + std::to_string(pair->primary.port()) + " failed: "));

  pair->standby.promote();
  CHECK(port_of_session(careful) == pair->standby.port());
  CHECK(writes(careful));
}

TEST_CASE("require=writable refuses a standby even if it is the only host, or asked for") {
  auto *const pair = shared_pair();
  if (pair == nullptr) return;
  auto const alone = loopback(std::to_string(pair->standby.port()));
  Options const writable{.require = Require::writable};
  ManagedConnection single{alone, writable};
  CHECK(has(refusal_of(single), "session is read-only"));
  ManagedConnection contradicting{alone + " target_session_attrs=standby", writable};
  CHECK(has(refusal_of(contradicting), "the session is read-only, and Options::require wants one that is writable"));
  ManagedConnection preferring{pair->conninfo() + " target_session_attrs=prefer-standby", writable};
  CHECK(port_of_session(preferring) == pair->primary.port());
}

TEST_CASE("require=writable replaces a session that turned read-only, and waits for none that is writable") {
  auto const server = make<ThrowawayServer>();
  if (!server) return;
  LogCapture const log;
  ManagedConnection manager{server->conninfo(),
                            {.idle_probe_after = 0ms, .require = Require::writable, .logger = log.logger()}};
  CHECK(writes(manager));
  CHECK(manager.epoch() == 1);

  auto const set_default = [&](std::string const &value) {
    pqxx::connection administrator{server->conninfo()};
    pqxx::nontransaction transaction{administrator};
    transaction.exec("ALTER SYSTEM SET default_transaction_read_only = " + value);
    transaction.exec("SELECT pg_reload_conf()");
  };
  // The server reports the change with its next answer after it has read its configuration; a lease asks it.
  auto const leases_until = [&](auto const &condition) {
    auto const end = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      try {
        auto const lease = manager.lease();
      } catch (ConnectionDown const &error) {
        CHECK(has(error.what(), "session is read-only"));
      }
    }
    return condition();
  };

  set_default("on");
  CHECK(leases_until([&] { return manager.statistics().sessions_replaced == 1; }));
  CHECK(log.contains("warning: " + manager.conninfo() + ": session found read-only before a lease; opening another"));
  CHECK_FALSE(manager.is_open());

  set_default("off");
  CHECK(leases_until([&] { return manager.epoch() == 2; }));
  CHECK(writes(manager));
  CHECK(manager.statistics().sessions_replaced == 1);
}

TEST_SUITE_END();
