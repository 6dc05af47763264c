// ManagedConnection::prepare(): one registration, known in every session.

#include "lease_at_last.hpp"
#include "proxied_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::ConnectionDown;
using pqlease::Lease;
using pqlease::Options;
using pqlease::Status;
using pqlease::UsageError;
using pqlease::testing::check_within;
using pqlease::testing::Direction;
using pqlease::testing::Ending;
using pqlease::testing::Fixture;
using pqlease::testing::lease_at_last;
using pqlease::testing::LogCapture;
using pqlease::testing::ProxiedFixture;

namespace {

int run(Lease &lease, std::string const &name) {
  return pqxx::nontransaction{*lease}.exec(pqxx::prepped{name}).one_field().as<int>();
}

int run(pqlease::ManagedConnection &manager, std::string const &name) {
  auto lease = manager.lease();
  return run(lease, name);
}

void execute(Fixture &fixture, std::string const &sql) {
  auto lease = fixture.manager.lease();
  pqxx::nontransaction{*lease}.exec(sql);
}

auto count_lines(LogCapture const &log, std::string const &text) {
  auto const lines = log.lines();
  return std::ranges::count_if(lines, [&](std::string const &line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_SUITE_BEGIN("prepared statements");

TEST_CASE("a registered statement can be run by every lease, in every session") {
  Fixture fixture;
  fixture.manager.prepare("one", "SELECT 1");
  fixture.manager.prepare("sum", "SELECT $1::int + $2::int");
  CHECK(fixture.manager.epoch() == 0);  // registering opens nothing
  for (int epoch = 1; epoch <= 3; ++epoch) {
    auto lease = fixture.manager.lease();
    CHECK(lease.epoch() == static_cast<std::uint64_t>(epoch));
    CHECK(run(lease, "one") == 1);
    pqxx::work work{*lease};
    CHECK(work.exec(pqxx::prepped{"sum"}, pqxx::params{epoch, 2}).one_field().as<int>() == epoch + 2);
    work.commit();
    if (epoch == 1) lease.close_on_release();
    if (epoch == 2) fixture.server.kill_backend(lease->backendpid());
  }
}

TEST_CASE("a statement registered while a lease is in use is known to the next one, in the same session") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    fixture.manager.prepare("one", "SELECT 1");
    CHECK_THROWS_AS(run(lease, "one"), pqxx::sql_error);
  }
  CHECK(run(fixture.manager, "one") == 1);
  fixture.manager.prepare("two", "SELECT 2");
  CHECK(run(fixture.manager, "two") == 2);
  CHECK(run(fixture.manager, "one") == 1);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("registering the same statement again changes nothing, and another one under its name is a UsageError") {
  Fixture fixture;
  fixture.manager.prepare("one", "SELECT 1");
  CHECK(run(fixture.manager, "one") == 1);
  fixture.manager.prepare("one", "SELECT 1");
  CHECK_THROWS_AS(fixture.manager.prepare("one", "SELECT 2"), UsageError);
  CHECK_THROWS_AS(fixture.manager.prepare("", "SELECT 2"), UsageError);
  CHECK(run(fixture.manager, "one") == 1);
  CHECK(count_lines(fixture.log, "could not be prepared") == 0);
}

TEST_CASE("a statement that the server refuses costs no lease: one warning in each epoch, and it is tried again in the "
          "next") {
  Fixture fixture;
  auto const later = fixture.table + "_later";
  fixture.manager.prepare("early", "SELECT count(*)::int FROM " + later);
  fixture.manager.prepare("one", "SELECT 1");
  for (int i = 0; i < 3; ++i) {
    auto lease = fixture.manager.lease();
    CHECK(run(lease, "one") == 1);
    CHECK(lease.status() == Status::idle);
    CHECK_THROWS_AS(run(lease, "early"), pqxx::sql_error);
  }
  CHECK(fixture.manager.epoch() == 1);
  CHECK(count_lines(fixture.log, "warning: " + fixture.manager.conninfo() +
                                     ": the statement \"early\" could not be prepared: relation \"" + later +
                                     "\" does not exist (42P01)") == 1);
  fixture.manager.close();
  CHECK(run(fixture.manager, "one") == 1);
  CHECK(count_lines(fixture.log, "could not be prepared") == 2);

  execute(fixture, "CREATE TABLE " + later + " (key int)");
  fixture.manager.close();
  CHECK(run(fixture.manager, "early") == 0);
  CHECK(count_lines(fixture.log, "could not be prepared") == 2);
  execute(fixture, "DROP TABLE " + later);
}

TEST_CASE("statements are prepared after on_open, whose tables they may use") {
  Fixture fixture{{.on_open = [](pqxx::connection &connection) {
    pqxx::nontransaction{connection}.exec("CREATE TEMPORARY TABLE scratch (key int)");
  }}};
  fixture.manager.prepare("count", "SELECT count(*)::int FROM scratch");
  CHECK(run(fixture.manager, "count") == 0);
  CHECK(count_lines(fixture.log, "could not be prepared") == 0);
}

TEST_CASE("with Pooling::transaction there is no session for a statement to be prepared in") {
  Fixture fixture{{.pooling = pqlease::Pooling::transaction}};
  CHECK_THROWS_AS(fixture.manager.prepare("one", "SELECT 1"), pqlease::UsageError);
}

TEST_CASE("a name that is taken in the session keeps its statement there, and is logged") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    lease->prepare("mine", "SELECT 7");
  }
  fixture.manager.prepare("mine", "SELECT 1");
  fixture.manager.prepare("one", "SELECT 1");
  auto lease = fixture.manager.lease();
  CHECK(run(lease, "mine") == 7);
  CHECK(run(lease, "one") == 1);
  CHECK(lease.epoch() == 1);
  CHECK(count_lines(fixture.log,
                    "\"mine\" could not be prepared: prepared statement \"mine\" already exists (42P05)") == 1);
}

TEST_CASE("a statement that is no statement neither costs a lease nor shows in the log") {
  Fixture fixture;
  fixture.manager.prepare("secret", "SELECT 'Sup3r-S3cret-pqlease' FROM no_such_table");
  fixture.manager.prepare("two at once", "SELECT 1; SELECT 2");
  fixture.manager.prepare("nothing", "");
  CHECK(fixture.manager.lease().status() == Status::idle);
  CHECK(count_lines(fixture.log, "could not be prepared") == 2);
  CHECK_FALSE(fixture.log.contains("S3cret"));
}

TEST_CASE("a session lost while a statement is prepared is replaced, and the lease does not notice") {
  ProxiedFixture proxied;
  CHECK(proxied.manager.lease().epoch() == 1);
  proxied.manager.prepare("one", "SELECT 1");
  proxied.proxy.cut_after(Direction::to_client, 3, Ending::reset);
  auto lease = proxied.manager.lease();
  CHECK(lease.epoch() == 2);
  CHECK(run(lease, "one") == 1);
  CHECK(proxied.manager.statistics().sessions_replaced == 1);
  CHECK(proxied.fixture.log.contains(": session lost while statements were prepared for a lease; opening another"));
}

TEST_CASE("a session lost while its first statements are prepared is a ConnectionDown, and the next lease works") {
  ProxiedFixture proxied{{.on_open = [&, cut = false](pqxx::connection &) mutable {
    if (!cut) proxied.proxy.cut_after(Direction::to_client, 3, Ending::finish);
    cut = true;
  }}};
  proxied.manager.prepare("one", "SELECT 1");
  try {
    auto const lease = proxied.manager.lease();
    FAIL("the session was lost");
  } catch (ConnectionDown const &error) {
    CHECK(pqlease::testing::full_text(error).find(": no session: lost while statements were prepared: ") !=
          std::string::npos);
    CHECK_THROWS_AS(std::rethrow_if_nested(error), pqxx::broken_connection);
  }
  CHECK(proxied.manager.status() == Status::closed);
  CHECK(proxied.manager.statistics().failed_opens == 1);
  CHECK(run(proxied.manager, "one") == 1);
}

TEST_CASE("preparing ends with the time to connect, and at the lease's own deadline") {
  ProxiedFixture proxied{{.connect_timeout = 300ms}};
  CHECK(lease_at_last(proxied.manager).epoch() == 1);
  proxied.manager.prepare("one", "SELECT 1");
  proxied.proxy.swallow();
  SUBCASE("the time to connect: once for the lost session, once for the new one") {
    check_within(600ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease()), ConnectionDown); });
  }
  SUBCASE("the lease's own deadline") {
    check_within(200ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease_for(200ms)), ConnectionDown); });
  }
  proxied.proxy.forward();
  auto lease = lease_at_last(proxied.manager);
  CHECK(run(lease, "one") == 1);
}

TEST_CASE("a deadline that has passed before preparing costs the lease, not the session") {
  Fixture fixture;
  CHECK(fixture.manager.lease().epoch() == 1);
  fixture.manager.prepare("one", "SELECT 1");
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_until({})), pqlease::LeaseTimeout);
  CHECK(run(fixture.manager, "one") == 1);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("threads register and run statements at the same time") {
  Fixture fixture;
  std::vector<std::jthread> threads;
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 10; ++i) {
        auto const value = std::to_string(number * 100 + i);
        fixture.manager.prepare("value " + value, "SELECT " + value);
        fixture.manager.prepare("common", "SELECT 1");
        auto lease = fixture.manager.lease();
        CHECK(run(lease, "value " + value) == number * 100 + i);
        CHECK(run(lease, "common") == 1);
        if (i == number) lease.close_on_release();
      }
    });
  }
  threads.clear();
  CHECK(count_lines(fixture.log, "could not be prepared") == 0);
}

TEST_SUITE_END();
