#include "peer.hpp"
#include "probe.hpp"
#include "support/detail/poll_until.hpp"
#include "support/detail/server_programs.hpp"
#include "support/fault_proxy.hpp"
#include "support/psql.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace pqlease::testing {

namespace {

/// A client and a server, and the proxy between them.
struct Pair {
  PeerServer listener{};
  FaultProxy proxy{listener.port()};
  Peer client{Peer::connected_to(proxy.port())};
  Peer server{listener.accept()};
};

void check_forwards(Peer const &client, Peer const &server) {
  client.send("question");
  CHECK(server.receive(8) == "question");
  server.send("answer");
  CHECK(client.receive(6) == "answer");
}

void check_accepts(PeerServer const &listener, FaultProxy const &proxy) {
  auto const client = Peer::connected_to(proxy.port());
  check_forwards(client, listener.accept());
}

/// The reset may come before connect() has returned.
bool is_reset(FaultProxy const &proxy) {
  try {
    return Peer::connected_to(proxy.port()).wait_for_end() == Ending::reset;
  } catch (std::system_error const &error) {
    return error.code() == std::errc::connection_reset;
  }
}

}  // namespace

TEST_SUITE_BEGIN("support");

TEST_CASE("a fault proxy serves psql until it is told otherwise, and knows the way by itself") {
  FaultProxy proxy{test_server()};
  CHECK(psql(proxy.conninfo(), "SELECT current_user || inet_server_addr() IS NOT NULL") == "t");
  proxy.swallow();
  CHECK_THROWS_AS(psql(proxy.conninfo() + " connect_timeout=2", "SELECT 1"), std::runtime_error);
  proxy.forward();
  CHECK(psql(proxy.conninfo(), "SELECT repeat('x', 1000000)").size() == 1000000);
}

TEST_CASE("a fault proxy finds the server that libpq's environment variables name, by TCP and by socket") {
  ThrowawayServer const server;
  ScopedVariable const port{"PGPORT", std::to_string(server.port())};
  ScopedVariable const user{"PGUSER", "postgres"};
  for (auto const &place : {std::string{"127.0.0.1"}, std::string{"127.1"}, server.socket_directory().string()}) {
    ScopedVariable const host{"PGHOST", place};
    FaultProxy const proxy{*make_test_server()};
    CHECK(psql(proxy.conninfo(), "SHOW port", Inherited::everything) == std::to_string(server.port()));
    CHECK(proxy.counts().accepted == 1);
  }
  ScopedVariable const service{"PGSERVICE", "unknown"};
  CHECK_THROWS_AS(FaultProxy{*make_test_server()}, std::runtime_error);
}

TEST_CASE("a fault proxy counts connections, and bytes in both directions") {
  Pair pair;
  check_forwards(pair.client, pair.server);
  auto const counts = pair.proxy.counts();
  CHECK(counts.accepted == 1);
  CHECK(counts.open == 1);
  CHECK(pair.proxy.wait_until([](ProxyCounts const &now) { return now.to_client == 6; }));
  CHECK(pair.proxy.counts().from_client == 8);
  CHECK(pair.proxy.counts().to_server == 8);
  CHECK(pair.proxy.counts().from_server == 6);
  CHECK_FALSE(pair.proxy.wait_until([](ProxyCounts const &now) { return now.accepted == 2; }, 0ms));
  pair.client.close(Ending::finish);
  CHECK(pair.proxy.wait_until([](ProxyCounts const &now) { return now.open == 0; }));
  CHECK(pair.proxy.counts().cut == 0);
}

TEST_CASE("a fault proxy passes on how a peer ends, after its last words") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    Pair pair;
    check_forwards(pair.client, pair.server);
    pair.server.send("farewell");
    CHECK(pair.client.receive(8) == "farewell");
    pair.server.close(ending);
    CHECK(pair.client.wait_for_end() == ending);
    check_accepts(pair.listener, pair.proxy);
  }
  Pair pair;
  pair.client.send("goodbye");
  pair.client.close(Ending::finish);
  CHECK(pair.server.receive(7) == "goodbye");
  CHECK(pair.server.wait_for_end() == Ending::finish);
}

TEST_CASE("a fault proxy whose server is gone resets its clients") {
  Pair pair;
  pair.listener.close();
  CHECK(is_reset(pair.proxy));
  check_forwards(pair.client, pair.server);
}

TEST_CASE("a cut ends every connection, in the way that was asked for") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    Pair pair;
    auto const other = Peer::connected_to(pair.proxy.port());
    pair.proxy.cut(ending);
    CHECK(pair.proxy.counts().open == 0);
    CHECK(pair.proxy.counts().cut == 2);
    CHECK(pair.client.wait_for_end() == ending);
    CHECK(other.wait_for_end() == ending);
    CHECK(pair.server.wait_for_end() == ending);
    static_cast<void>(pair.listener.accept());  // the other one's
    check_accepts(pair.listener, pair.proxy);
  }
}

TEST_CASE("a cut in the middle of a message lets through as much as was asked for, and no more") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    for (auto const direction : {Direction::to_client, Direction::to_server}) {
      Pair pair;
      check_forwards(pair.client, pair.server);
      pair.proxy.cut_after(direction, 10, ending);
      auto const &sender = direction == Direction::to_client ? pair.server : pair.client;
      auto const &receiver = direction == Direction::to_client ? pair.client : pair.server;
      sender.send("first,");
      CHECK(receiver.receive(6) == "first,");
      receiver.send("other way");
      CHECK(sender.receive(9) == "other way");
      sender.send("second");
      CHECK(receiver.receive(12) == "seco");
      CHECK(sender.wait_for_end() == ending);
      CHECK(pair.proxy.wait_until([](ProxyCounts const &now) { return now.open == 0 && now.cut == 1; }));
      check_accepts(pair.listener, pair.proxy);
    }
  }
}

TEST_CASE("a cut after no byte at all swallows the message") {
  Pair pair;
  pair.proxy.cut_after(Direction::to_server, 0, Ending::reset);
  pair.client.send("question");
  CHECK(pair.server.wait_for_end() == Ending::reset);
  CHECK(pair.proxy.wait_until([](ProxyCounts const &now) { return now.from_client == 8 && now.to_server == 0; }));
}

TEST_CASE("a proxy that swallows reads everything and forwards nothing, for good") {
  Pair pair;
  check_forwards(pair.client, pair.server);
  pair.proxy.swallow();
  auto const before = pair.proxy.counts();
  auto const late = Peer::connected_to(pair.proxy.port());
  late.send("question");
  CHECK(pair.proxy.wait_for_client_bytes(before));
  pair.client.send("question");
  pair.server.send("news");
  CHECK(pair.proxy.wait_until([](ProxyCounts const &now) { return now.from_client == 24 && now.from_server == 10; }));
  pair.proxy.forward();
  check_accepts(pair.listener, pair.proxy);
  CHECK(pair.client.hears_nothing());
  CHECK(pair.server.hears_nothing());
  CHECK(late.hears_nothing());
  pair.server.close(Ending::finish);
  check_accepts(pair.listener, pair.proxy);
  CHECK(pair.client.hears_nothing());
}

TEST_CASE("a proxy that swallows closes the server's end when the client has closed its own") {
  Pair pair;
  pair.proxy.swallow();
  pair.client.close(Ending::finish);
  CHECK(pair.server.wait_for_end() == Ending::finish);
}

TEST_CASE("a proxy that stalls fills its senders' buffers, and loses nothing") {
  Pair pair;
  check_forwards(pair.client, pair.server);
  pair.proxy.stall();
  auto const from_client = pair.client.fill();
  auto const from_server = pair.server.fill();
  CHECK(pair.proxy.counts().from_client == 8);
  CHECK(pair.client.hears_nothing());
  CHECK(pair.server.hears_nothing());
  pair.proxy.forward();
  std::jthread const reader{[&] { CHECK(pair.server.receive(from_client).size() == from_client); }};
  CHECK(pair.client.receive(from_server).size() == from_server);
}

TEST_CASE("a delay holds every chunk back, and keeps the order") {
  Pair pair;
  pair.proxy.delay(50ms);
  auto const start = std::chrono::steady_clock::now();
  check_forwards(pair.client, pair.server);
  CHECK(std::chrono::steady_clock::now() - start >= 100ms);
  pair.client.send("one,");
  pair.client.send("two,");
  CHECK(pair.proxy.wait_until([](ProxyCounts const &now) { return now.from_client == 16; }));
  pair.proxy.forward();
  pair.client.send("three");
  CHECK(pair.server.receive(13) == "one,two,three");
}

TEST_CASE("a proxy that refuses does so at once, and accepts on the same port later") {
  Pair pair;
  for (int i = 0; i < 3; ++i) {
    pair.proxy.refuse();
    CHECK_THROWS_AS(static_cast<void>(Peer::connected_to(pair.proxy.port())), std::system_error);
    check_forwards(pair.client, pair.server);
    pair.proxy.forward();
    check_accepts(pair.listener, pair.proxy);
  }
}

TEST_CASE("a cancel request goes through a fault proxy as well") {
  FaultProxy const proxy{test_server()};
  ChildProcess client{{find_psql(), "-X", "-d", proxy.conninfo(), "-c", "SELECT pg_sleep(600) AS sleeper"},
                      {.inherited = Inherited::without_libpq}};
  REQUIRE(poll_until(
      [] {
        return psql(test_server().conninfo(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS sleeper'") ==
               "1";
      },
      10s));
  client.send_signal(SIGINT);  // psql then sends a cancel request
  CHECK(client.wait(10s).has_value());
  CHECK(client.output().find("canceling statement due to user request") != std::string::npos);
  CHECK(proxy.counts().accepted == 2);
}

TEST_CASE("many threads may use a fault proxy at once") {
  PeerServer const listener;
  FaultProxy proxy{listener.port()};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::atomic<bool> ended{false};
        std::jthread const client{[&] {
          CHECK(is_reset(proxy));
          ended = true;
        }};
        while (!ended) proxy.cut(Ending::reset);
      }
    });
  }
  threads.clear();
  CHECK(proxy.counts().accepted == 200);
  CHECK(proxy.counts().open == 0);
}

TEST_SUITE_END();

}  // namespace pqlease::testing
