#include "fixture.hpp"
#include "support/black_hole.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::LeaseTimeout;
using pqlease::testing::Fixture;
using pqlease::testing::full_text;

namespace {

std::string line_of(std::source_location where) {
  return std::string{where.file_name()} + ":" + std::to_string(where.line());
}

std::vector<std::string> lines_with(pqlease::testing::LogCapture const &log, std::string_view part) {
  std::vector<std::string> found;
  for (auto const &line : log.lines()) {
    if (line.find(part) != std::string::npos) found.push_back(line);
  }
  return found;
}

}  // namespace

TEST_SUITE_BEGIN("hold warning");

TEST_CASE("a lease held for too long is reported once by those who wait, and so is its return") {
  Fixture fixture{{.hold_warning = 5ms}};
  auto lease = fixture.manager.lease();
  for (int i = 0; i < 3; ++i) {
    std::jthread{[&] {
      try {
        auto second = fixture.manager.lease_for(20ms);
        FAIL("the lease was granted twice");
      } catch (LeaseTimeout const &timeout) {
        auto const text = full_text(timeout);
        CHECK(text.find(line_of(lease.where())) != std::string::npos);
        CHECK(text.find("has held it for") != std::string::npos);
      }
    }}.join();
  }
  auto const warnings = lines_with(fixture.log, "held for long");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().find(line_of(lease.where())) != std::string::npos);
  CHECK(warnings.front().find("1 waiting") != std::string::npos);
  CHECK(lines_with(fixture.log, "has come back").empty());
  auto const where = lease.where();
  lease.release();
  auto const returns = lines_with(fixture.log, "has come back");
  REQUIRE(returns.size() == 1);
  CHECK(returns.front().find(line_of(where)) != std::string::npos);
}

TEST_CASE("a lease that spends its time on opening, in vain, is reported and comes back as well") {
  pqlease::testing::BlackHole const black_hole;
  pqlease::testing::LogCapture const log;
  pqlease::ManagedConnection manager{"host=127.0.0.1 port=" + std::to_string(black_hole.port()),
                                     {.connect_timeout = 500ms, .hold_warning = 5ms, .logger = log.logger()}};
  std::jthread opener{[&] { CHECK_THROWS_AS(static_cast<void>(manager.lease()), pqlease::ConnectionDown); }};
  while (manager.status() != pqlease::Status::leased) std::this_thread::yield();
  CHECK_THROWS_AS(static_cast<void>(manager.lease_for(20ms)), LeaseTimeout);
  opener.join();
  CHECK(lines_with(log, "held for long").size() == 1);
  CHECK(lines_with(log, "has come back").size() == 1);
}

TEST_CASE("nothing is reported of a lease that nobody waits for") {
  Fixture fixture{{.hold_warning = 1ms}};
  {
    auto lease = fixture.manager.lease();
    pqxx::nontransaction{*lease}.exec("SELECT pg_sleep(0.01)");
  }
  CHECK(lines_with(fixture.log, "held for long").empty());
  CHECK(lines_with(fixture.log, "has come back").empty());
}

TEST_SUITE_END();
