// What a lease does while the manager is down, by ReconnectMode::fail_fast.

#include "outage_fixture.hpp"
#include "support/black_hole.hpp"

#include <doctest/doctest.h>

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::testing;
using pqlease::ConnectionDown;
using pqlease::LeaseCancelled;
using pqlease::ManagedConnection;
using pqlease::ManagerClosed;
using pqlease::Options;
using pqlease::ReconnectMode;
using pqlease::ReconnectPolicy;

namespace {

ReconnectPolicy failing_fast(std::chrono::milliseconds delay, std::size_t max_attempts = 0) {
  auto policy = steady(delay, ReconnectMode::fail_fast);
  policy.max_attempts = max_attempts;
  return policy;
}

bool blocks_signals() {
  sigset_t blocked{};
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGALRM) == 1;
}

}  // namespace

TEST_SUITE_BEGIN("fail fast");

TEST_CASE("while down every lease fails at once, with the last cause nested and the time until the next attempt") {
  OutageFixture outage{failing_fast(for_ever)};
  outage.go_down();
  auto &manager = outage.manager;
  check_at_once([&] {
    for (auto const &error : {error_of([&] { auto const lease = manager.lease(); }),
                              error_of([&] { auto const lease = manager.lease(std::stop_source{}.get_token()); }),
                              error_of([&] { auto const lease = manager.lease_for(1h); }),
                              error_of([&] { auto const lease = manager.try_lease(); }),
                              error_of([&] { manager.with_lease([](pqxx::connection &) {}); })}) {
      CHECK(is<ConnectionDown>(error));
      CHECK(is<pqxx::broken_connection>(nested_in(error)));
      CHECK(retry_in(error) > 0ms);
      CHECK(retry_in(error) <= for_ever);
    }
  });
  CHECK(manager.statistics().failed_opens == 1);
}

TEST_CASE("a background thread opens the session as soon as the server is back, and the next lease finds it open") {
  OutageFixture outage{failing_fast(1ms)};
  outage.go_down();
  CHECK(eventually([&] { return outage.manager.statistics().failed_opens >= 5; }));
  CHECK(outage.manager.statistics().leases_granted == 0);
  outage.up = true;
  CHECK(eventually([&] { return outage.manager.is_open(); }));
  auto const failed = outage.manager.statistics().failed_opens;
  CHECK(eventually(
      [&] { return is<std::exception>(error_of([&] { auto const lease = outage.manager.lease(); })) == false; }));
  CHECK(outage.manager.epoch() == 1);
  CHECK(outage.manager.statistics().failed_opens == failed);
  CHECK(eventually([&] { return outage.log.contains(": recovered after "); }));
}

TEST_CASE("in the next outage there is a background thread again") {
  OutageFixture outage{failing_fast(1ms)};
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    outage.go_down();
    outage.up = true;
    CHECK(eventually([&] { return outage.manager.is_open(); }));
    CHECK(outage.manager.epoch() == epoch);
    outage.up = false;
    outage.manager.close();
  }
}

TEST_CASE("while the background thread makes an attempt, leases fail at once") {
  BlackHole hole;
  std::atomic<bool> hang{false};
  auto const silent = "host=127.0.0.1 sslmode=disable port=" + std::to_string(hole.port());
  ManagedConnection manager{[&] { return hang ? silent : std::string{"host=/nonexistent"}; },
                            {.connect_timeout = 5s, .reconnect = failing_fast(1ms)}};
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager.lease(); })));
  hang = true;
  REQUIRE(hole.wait_for_connection());
  auto const before = manager.statistics().failed_opens;
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager.lease(); })));
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager.try_lease(); })));
  CHECK(manager.statistics().failed_opens == before);
}

TEST_CASE("trap: a reconnect loop that gives up: after max_attempts a lease makes the next one") {
  OutageFixture outage{failing_fast(1ms, 3)};
  auto &manager = outage.manager;
  outage.go_down();
  CHECK(eventually([&] { return manager.statistics().failed_opens == 4; }));
  // From now on only a lease does, each time that the back-off has run out.
  CHECK(eventually([&] {
    CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager.lease(); })));
    return manager.statistics().failed_opens == 8;
  }));
  outage.up = true;
  CHECK(eventually([&] { return error_of([&] { auto const lease = manager.lease(); }) == nullptr; }));
  CHECK(manager.epoch() == 1);
  CHECK(outage.log.contains(", at attempt 9"));
}

TEST_CASE("a stop token, shutdown and a lease in a lease are answered as ever") {
  ManagedConnection *self = nullptr;
  std::atomic<bool> recursive{false};
  std::atomic<int> asked{0};
  ManagedConnection manager{[&]() -> std::string {
                              // The second time it is the background thread that asks.
                              if (++asked == 2) {
                                recursive =
                                    is<pqlease::RecursiveLease>(error_of([&] { auto const lease = self->lease(); }));
                              }
                              return "host=/nonexistent";
                            },
                            {.reconnect = failing_fast(1ms)}};
  self = &manager;
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager.lease(); })));
  CHECK(eventually([&] { return asked > 2; }));
  CHECK(recursive);
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(is<LeaseCancelled>(error_of([&] { auto const lease = manager.lease(stopped.get_token()); })));
  manager.shutdown();
  CHECK(is<ManagerClosed>(error_of([&] { auto const lease = manager.lease(); })));
}

TEST_CASE("close() ends the outage, and the background thread with it: the next lease makes an attempt itself") {
  OutageFixture outage{failing_fast(for_ever)};
  outage.go_down();
  check_at_once([&] {
    outage.manager.close();
    outage.go_down();
    outage.manager.close();
    outage.up = true;
    CHECK(outage.manager.lease().epoch() == 1);
  });
  CHECK(outage.manager.statistics().failed_opens == 2);
}

TEST_CASE("the background thread takes none of the program's signals") {
  std::atomic<int> asked{0};
  std::atomic<bool> blocked{false};
  ManagedConnection manager{[&]() -> std::string {
                              if (++asked == 2) blocked = blocks_signals();
                              return "host=/nonexistent";
                            },
                            {.reconnect = failing_fast(1ms)}};
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager.lease(); })));
  CHECK(eventually([&] { return asked > 2; }));
  CHECK(blocked);
  CHECK_FALSE(blocks_signals());
}

TEST_CASE("a manager that is destroyed ends its background thread, and waits for it") {
  for (int i = 0; i < 20; ++i) {
    auto const delay = i % 2 == 0 ? for_ever : 0ms;  // it sleeps, or is at work
    check_at_once([&] {
      std::optional<OutageFixture> outage{std::in_place, failing_fast(delay)};
      outage->go_down();
      outage.reset();  // with the provider's captures: a thread still at work would use them after their end
    });
  }
}

TEST_CASE("a manager that is destroyed waits for what its background thread has called") {
  ManagedConnection *self = nullptr;
  std::atomic<int> asked{0};
  std::atomic<bool> inside{false};
  std::atomic<bool> done{false};
  auto const is_shut_down = [&] { return is<ManagerClosed>(error_of([&] { auto const lease = self->lease(); })); };
  std::optional<ManagedConnection> manager{std::in_place,
                                           [&]() -> std::string {
                                             if (++asked == 2) {
                                               inside = true;
                                               CHECK(eventually(is_shut_down));
                                               for (int i = 0; i < 1000; ++i) CHECK(is_shut_down());
                                               done = true;
                                             }
                                             return "host=/nonexistent";
                                           },
                                           Options{.reconnect = failing_fast(1ms)}};
  self = &*manager;
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager->lease(); })));
  REQUIRE(eventually([&] { return inside.load(); }));
  manager.reset();
  CHECK(done);
}

TEST_CASE("a manager may be destroyed by its own background thread") {
  std::optional<ManagedConnection> manager;
  std::atomic<bool> up{false};
  std::atomic<bool> destroyed{false};
  auto const alive = std::make_shared<int>();
  manager.emplace([&] { return up ? test_server().conninfo() : std::string{"host=/nonexistent"}; },
                  Options{.reconnect = failing_fast(1ms), .on_open = [&, alive](pqxx::connection &) {
                            manager.reset();
                            destroyed = true;
                          }});
  CHECK(is<ConnectionDown>(error_of([&] { auto const lease = manager->lease(); })));
  up = true;
  CHECK(eventually([&] { return destroyed.load(); }));
  CHECK(eventually([&] { return alive.use_count() == 1; }));  // the manager's state has gone, too
}

TEST_SUITE_END();
