// What ends the wait for a lease ends the connecting, too: a server that accepts and never answers holds nobody up.

#include "outage_fixture.hpp"
#include "support/black_hole.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using namespace pqlease::testing;
using pqlease::LeaseCancelled;
using pqlease::ManagedConnection;
using pqlease::ManagerClosed;
using pqlease::Options;
using pqlease::ReconnectMode;

namespace {

/// A manager whose server never answers, until the test says that another one does.
struct Hole {
  explicit Hole(ReconnectMode mode = ReconnectMode::on_demand)
      : manager{std::in_place, [this] { return server(); },
                Options{.connect_timeout = for_ever, .reconnect = steady(1ms, mode), .logger = log.logger()}} {}

  [[nodiscard]] std::string server() const {
    if (up) return test_server().conninfo();
    return silent ? "host=127.0.0.1 sslmode=disable port=" + std::to_string(hole.port()) : "host=/nonexistent";
  }

  BlackHole hole{};
  LogCapture log{};
  std::atomic<bool> silent{true};
  std::atomic<bool> up{false};
  std::optional<ManagedConnection> manager;
};

}  // namespace

TEST_SUITE_BEGIN("interrupted open");

TEST_CASE("a stop token ends the connecting, which is nobody else's outage") {
  Hole fixture;
  std::stop_source stop;
  std::jthread opener{
      [&] { CHECK_THROWS_AS(static_cast<void>(fixture.manager->lease(stop.get_token())), LeaseCancelled); }};
  REQUIRE(fixture.hole.wait_for_connection());
  check_at_once([&] {
    stop.request_stop();
    opener.join();
  });
  CHECK(fixture.manager->status() == pqlease::Status::closed);
  CHECK(fixture.manager->statistics().leases_cancelled == 1);
  CHECK(fixture.log.lines().empty());
  fixture.up = true;
  CHECK(fixture.manager->lease().epoch() == 1);
}

TEST_CASE("shutdown ends the connecting") {
  Hole fixture;
  std::jthread opener{[&] { CHECK_THROWS_AS(static_cast<void>(fixture.manager->lease()), ManagerClosed); }};
  REQUIRE(fixture.hole.wait_for_connection());
  check_at_once([&] {
    fixture.manager->shutdown();
    opener.join();
  });
}

TEST_CASE("a manager that is destroyed does not wait for the server that its background thread connects to") {
  Hole fixture{ReconnectMode::fail_fast};
  fixture.silent = false;
  CHECK_THROWS_AS(static_cast<void>(fixture.manager->lease()), pqlease::ConnectionDown);
  fixture.silent = true;
  REQUIRE(fixture.hole.wait_for_connection());
  check_at_once([&] { fixture.manager.reset(); });
}

TEST_SUITE_END();
