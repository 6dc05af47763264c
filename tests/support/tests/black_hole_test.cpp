#include "probe.hpp"
#include "support/black_hole.hpp"
#include "support/detail/server_programs.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>

#include <optional>

namespace pqlease::testing {

TEST_SUITE_BEGIN("support");

TEST_CASE("a black hole accepts clients and keeps them waiting until it goes") {
  std::optional<BlackHole> hole{std::in_place};
  CHECK_FALSE(hole->wait_for_connection(1, std::chrono::milliseconds{0}));
  auto const conninfo = "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(hole->port());
  ChildProcess client{{find_psql(), "-X", "-d", conninfo, "-c", "SELECT 1"}, {.inherited = Inherited::without_libpq}};
  REQUIRE(hole->wait_for_connection());
  ChildProcess another{{find_psql(), "-X", "-d", conninfo, "-c", "SELECT 1"}, {.inherited = Inherited::without_libpq}};
  REQUIRE(hole->wait_for_connection(2));
  CHECK(hole->connections() == 2);
  CHECK_FALSE(client.wait(std::chrono::milliseconds{50}).has_value());
  CHECK(client.output().empty());
  hole.reset();
  CHECK(client.wait(std::chrono::seconds{10}) == 2);
  CHECK(another.wait(std::chrono::seconds{10}) == 2);
}

TEST_CASE("a black hole that nobody visits ends at once") {
  BlackHole const hole;
  CHECK(hole.port() != 0);
  CHECK(hole.connections() == 0);
}

TEST_SUITE_END();

}  // namespace pqlease::testing
