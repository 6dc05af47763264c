// The log lines of an outage, and outages of real servers.

#include "outage_fixture.hpp"
#include "support/no_server.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::testing;
using pqlease::ConnectionDown;
using pqlease::Jitter;
using pqlease::ManagedConnection;
using pqlease::Options;
using pqlease::ReconnectMode;
using pqlease::ReconnectPolicy;

namespace {

constexpr ReconnectPolicy doubling{
    .initial_delay = 10ms, .factor = 2.0, .max_delay = 1s, .jitter = Jitter::none, .max_attempts = 0};

/// The log's lines about the manager's being down, with every duration that depends on the machine as N.
std::vector<std::string> outage_lines(LogCapture const &log) {
  std::vector<std::string> found;
  for (auto const &line : log.lines()) {
    if (line.find("down") == std::string::npos && line.find("recovered") == std::string::npos) continue;
    found.push_back(std::regex_replace(line, std::regex{"after [0-9]+ ms"}, "after N ms"));
  }
  return found;
}

}  // namespace

TEST_SUITE_BEGIN("outages");

TEST_CASE("the log tells of an outage, of each attempt, and of the end") {
  auto policy = doubling;
  SUBCASE("on demand") {}
  SUBCASE("fail fast") { policy.mode = ReconnectMode::fail_fast; }
  LogCapture const log;
  auto const good = test_server().conninfo();
  std::atomic<int> asked{0};
  ManagedConnection manager{
      [&] { return ++asked > 3 ? good : std::string{"host=/nonexistent port=5432 password=S3cret"}; },
      {.reconnect = policy, .logger = log.logger()}};
  CHECK(eventually([&] { return error_of([&] { auto const lease = manager.lease(); }) == nullptr; }));

  std::string const name = "host=/nonexistent port=5432 password=***";
  std::string const reason =
      "no session: connection to server on socket \"/nonexistent/.s.PGSQL.5432\" failed: No such file or directory\n"
      "\tIs the server running locally and accepting connections on that socket?";
  CHECK(outage_lines(log) ==
        std::vector<std::string>{
            "warning: " + name + ": down, next attempt in 10 ms: " + reason,
            "warning: " + name + ": still down after N ms, attempt 2 failed, next in 20 ms: " + reason,
            "warning: " + name + ": still down after N ms, attempt 3 failed, next in 40 ms: " + reason,
            "info: " + good + ": recovered after N ms, at attempt 4",
        });
}

TEST_CASE("after a restart of the server every thread gets on, with the next attempt") {
  std::unique_ptr<ThrowawayServer> server;
  try {
    server = std::make_unique<ThrowawayServer>();
  } catch (NoServer const &) {
    MESSAGE("left out: no server programs to start one that can be stopped");
    return;
  }
  auto mode = ReconnectMode::on_demand;
  SUBCASE("on demand") {}
  SUBCASE("fail fast") { mode = ReconnectMode::fail_fast; }
  ManagedConnection manager{server->conninfo(),
                            {.reconnect = {.initial_delay = 10ms, .max_delay = 200ms, .mode = mode}}};
  std::atomic<bool> done{false};
  std::atomic<int> down{0};
  std::atomic<int> served{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        try {
          auto lease = manager.lease();
          ++served;
          pqxx::nontransaction{*lease}.exec("SELECT 1");
        } catch (ConnectionDown const &) {
          ++down;
          std::this_thread::yield();
        } catch (pqxx::failure const &) {
          // lost during the lease
        }
      }
    });
  }
  CHECK(eventually([&] { return served > 0; }));
  server->stop();
  CHECK(eventually([&] { return down > 10; }));
  server->start();
  auto const failed = manager.statistics().failed_opens;
  auto const before = served.load();
  CHECK(eventually([&] { return served > before; }));
  done = true;
  threads.clear();
  CHECK(manager.epoch() == 2);
  CHECK(manager.statistics().failed_opens <= failed + 1);  // one was under way
}

TEST_CASE("after a long outage the first lease succeeds within one delay") {
  OutageFixture outage{{.initial_delay = 1ms, .factor = 10.0, .max_delay = 100ms, .jitter = Jitter::none}};
  for (int i = 0; i < 5; ++i) outage.go_down();
  outage.up = true;
  check_at_once([&] { CHECK(outage.manager.lease().epoch() == 1); });
  // The attempt came after one delay; what it took is the server's.
  CHECK(outage.manager.statistics().failed_opens == 5);
}

TEST_SUITE_END();
