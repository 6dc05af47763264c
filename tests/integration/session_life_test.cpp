#include "fixture.hpp"
#include "support/black_hole.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>

using namespace std::chrono_literals;
using pqlease::ConnectionDown;
using pqlease::Options;
using pqlease::Status;
using pqlease::UncommittedTransaction;
using pqlease::testing::backend_of;
using pqlease::testing::Fixture;
using pqlease::testing::full_text;
using pqlease::testing::SilentBackend;
using pqlease::testing::StopMode;

namespace {

int select_one(pqlease::Lease &lease) { return pqxx::nontransaction{*lease}.query_value<int>("SELECT 1"); }

void check_next_lease_works(Fixture &fixture, std::uint64_t epoch) {
  auto lease = fixture.manager.lease();
  CHECK(select_one(lease) == 1);
  CHECK(lease.epoch() == epoch);
}

}  // namespace

TEST_SUITE_BEGIN("session life");

TEST_CASE("the session is opened by the first lease, and not before") {
  Fixture fixture;
  CHECK(fixture.manager.status() == Status::closed);
  CHECK(fixture.manager.epoch() == 0);
  check_next_lease_works(fixture, 1);
  CHECK(fixture.manager.statistics().sessions_opened == 1);
  CHECK(fixture.log.contains(": session opened: epoch 1, backend "));
}

TEST_CASE("close() closes the session, and the next lease opens another one") {
  Fixture fixture;
  check_next_lease_works(fixture, 1);
  fixture.manager.close();
  CHECK_FALSE(fixture.manager.is_open());
  CHECK(fixture.log.contains(": session closed"));
  fixture.manager.close();
  check_next_lease_works(fixture, 2);
}

TEST_CASE("a session that its user closed in the lease is replaced by the next one") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    lease->close();
    CHECK(lease.status() == Status::closed);
  }
  CHECK(fixture.manager.status() == Status::closed);
  check_next_lease_works(fixture, 2);
  CHECK(fixture.manager.statistics().sessions_replaced == 0);
}

TEST_CASE("a session that its user moved away stays with the user, and is replaced by the next lease") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  pqxx::connection taken{std::move(*lease)};
  CHECK(lease.status() == Status::closed);
  lease.release();
  check_next_lease_works(fixture, 2);
  CHECK(pqxx::nontransaction{taken}.query_value<int>("SELECT 1") == 1);
}

TEST_CASE("a connection that its user put in the session's place is closed, and replaced by the next lease") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    *lease = pqxx::connection{fixture.server.conninfo()};
    CHECK(select_one(lease) == 1);
    CHECK(lease.status() == Status::closed);
  }
  check_next_lease_works(fixture, 2);
}

TEST_CASE("a session that the administrator ended while idle is replaced before the next lease") {
  Fixture fixture;
  int pid{};
  {
    auto lease = fixture.manager.lease();
    pid = backend_of(lease);
  }
  fixture.server.kill_backend(pid);
  check_next_lease_works(fixture, 2);
  CHECK(fixture.manager.statistics().sessions_replaced == 1);
  CHECK(fixture.log.contains(": session found dead before a lease; opening another"));
}

TEST_CASE("a server that was restarted while the session was idle goes unnoticed") {
  Fixture fixture;
  if (!fixture.server.can_restart()) return;
  for (auto const mode : {StopMode::fast, StopMode::immediate}) {
    auto const epoch = fixture.manager.epoch();
    check_next_lease_works(fixture, epoch + 1);
    fixture.server.restart(mode);
    check_next_lease_works(fixture, epoch + 2);
    fixture.manager.close();
  }
}

TEST_CASE("a server that is down is a ConnectionDown, and the first lease after its return succeeds") {
  Fixture fixture;
  if (!fixture.server.can_restart()) return;
  fixture.server.stop(StopMode::fast);
  try {
    auto lease = fixture.manager.lease();
    FAIL("there is no server");
  } catch (ConnectionDown const &error) {
    CHECK(error.sqlstate().empty());
    CHECK(full_text(error).find(fixture.manager.conninfo() + ": no session: ") == 0);
    CHECK_THROWS_AS(std::rethrow_if_nested(error), pqxx::broken_connection);
  }
  CHECK(fixture.manager.status() == Status::closed);
  CHECK(fixture.manager.statistics().failed_opens == 1);
  fixture.server.start();
  check_next_lease_works(fixture, 1);
}

TEST_CASE("a notification that arrives while idle does not cost the session") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    pqxx::nontransaction{*lease}.exec("LISTEN pqlease_test");
  }
  {
    pqxx::connection other{fixture.server.conninfo()};
    pqxx::nontransaction{other}.exec("NOTIFY pqlease_test");
  }
  check_next_lease_works(fixture, 1);
}

TEST_CASE("a session idle for longer than idle_probe_after gets a round trip, and stays") {
  Fixture fixture{Options{.idle_probe_after = 0ms}};
  check_next_lease_works(fixture, 1);
  check_next_lease_works(fixture, 1);
}

TEST_CASE("a session whose server falls silent is found dead within probe_timeout") {
  Fixture fixture{Options{.idle_probe_after = 0ms, .probe_timeout = 100ms}};
  if (!fixture.server.can_restart()) return;
  std::optional<SilentBackend> silence;
  {
    auto lease = fixture.manager.lease();
    silence.emplace(backend_of(lease));
  }
  check_next_lease_works(fixture, 2);
  CHECK(fixture.manager.statistics().sessions_replaced == 1);
}

TEST_CASE("a deadline that has passed before the probe costs the lease, not the session") {
  Fixture fixture{Options{.idle_probe_after = 0ms}};
  check_next_lease_works(fixture, 1);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_until({})), pqlease::LeaseTimeout);
  check_next_lease_works(fixture, 1);
}

TEST_CASE("a lease without waiting opens a session, and probes an idle one") {
  Fixture fixture{Options{.idle_probe_after = 0ms}};
  for (int i = 0; i < 2; ++i) {
    auto lease = fixture.manager.lease_for(0ms);
    CHECK(select_one(lease) == 1);
    CHECK(lease.epoch() == 1);
  }
}

TEST_CASE("trap: getters that block while someone connects") {
  pqlease::testing::BlackHole hole;
  pqlease::ManagedConnection manager{"host=127.0.0.1 sslmode=disable port=" + std::to_string(hole.port()),
                                     {.connect_timeout = 1s}};
  std::atomic<bool> gave_up{false};
  std::jthread const opener{[&] {
    CHECK_THROWS_AS(static_cast<void>(manager.lease()), ConnectionDown);
    gave_up = true;
  }};
  REQUIRE(hole.wait_for_connection());
  CHECK(manager.status() == Status::leased);
  CHECK_FALSE(manager.is_open());
  CHECK(manager.epoch() == 0);
  CHECK(manager.statistics().sessions_opened == 0);
  CHECK_FALSE(gave_up.load());
}

TEST_CASE("on_open runs once per session, before anyone gets it") {
  int opened = 0;
  Fixture fixture{Options{.on_open = [&](pqxx::connection &connection) {
    ++opened;
    pqxx::nontransaction{connection}.exec("SET application_name = 'set up'");
  }}};
  for (int i = 0; i < 2; ++i) {
    auto lease = fixture.manager.lease();
    CHECK(pqxx::nontransaction{*lease}.query_value<std::string>("SHOW application_name") == "set up");
  }
  CHECK(opened == 1);
  fixture.manager.close();
  check_next_lease_works(fixture, 2);
  CHECK(opened == 2);
}

TEST_CASE("an on_open that throws costs the session and that lease, not the next one") {
  bool fail = true;
  Fixture fixture{Options{.on_open = [&](pqxx::connection &connection) {
    if (fail) pqxx::nontransaction{connection}.exec("SELECT 1 / 0");
  }}};
  try {
    auto lease = fixture.manager.lease();
    FAIL("on_open threw");
  } catch (ConnectionDown const &error) {
    CHECK(full_text(error).find(": no session: on_open failed: ") != std::string::npos);
    CHECK_THROWS_AS(std::rethrow_if_nested(error), pqxx::sql_error);
  }
  CHECK(fixture.manager.status() == Status::closed);
  CHECK(fixture.manager.statistics().failed_opens == 1);
  fail = false;
  check_next_lease_works(fixture, 1);
}

TEST_CASE("an on_open that leaves a transaction open is refused") {
  Fixture fixture{
      Options{.on_open = [](pqxx::connection &connection) { pqxx::nontransaction{connection}.exec("BEGIN"); }}};
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), ConnectionDown);
  CHECK(fixture.manager.status() == Status::closed);
}

TEST_CASE("an on_open that asks for a lease of the same manager gets RecursiveLease, not a deadlock") {
  Fixture *self = nullptr;
  Fixture fixture{Options{.on_open = [&](pqxx::connection &) { auto lease = self->manager.lease(); }}};
  self = &fixture;
  try {
    auto lease = fixture.manager.lease();
    FAIL("on_open threw");
  } catch (ConnectionDown const &error) {
    CHECK_THROWS_AS(std::rethrow_if_nested(error), pqlease::RecursiveLease);
  }
}

TEST_CASE("the connection string is asked for at every open") {
  auto const good = pqlease::testing::test_server().conninfo();
  int asked = 0;
  pqlease::ManagedConnection manager{[&] {
    ++asked;
    return good + " application_name=asked" + std::to_string(asked) + " password=Sup3r-S3cret-pqlease";
  }};
  for (int i = 1; i <= 2; ++i) {
    auto lease = manager.lease();
    CHECK(pqxx::nontransaction{*lease}.query_value<std::string>("SHOW application_name") ==
          "asked" + std::to_string(i));
    CHECK(manager.conninfo() == good + " application_name=asked" + std::to_string(i) + " password=***");
    lease.close_on_release();
  }
  CHECK(asked == 2);
}

TEST_CASE("a lease that leaks and is to be closed throws, and its session is closed") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  lease.close_on_release();
  fixture.begin_by_hand(*lease);
  CHECK_THROWS_AS(lease.release(), UncommittedTransaction);
  CHECK_FALSE(fixture.manager.is_open());
  CHECK(fixture.committed_rows() == 0);
}

TEST_SUITE_END();
