// What every session gets before its first lease: parameters and on_open.

#include "lease_at_last.hpp"
#include "proxied_fixture.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;
using pqlease::ConnectionDown;
using pqlease::Options;
using pqlease::Require;
using pqlease::Status;
using pqlease::testing::check_within;
using pqlease::testing::Fixture;
using pqlease::testing::full_text;
using pqlease::testing::lease_at_last;
using pqlease::testing::ProxiedFixture;

namespace {

std::string setting(pqlease::ManagedConnection &manager, std::string const &name) {
  return manager.with_lease([&](pqxx::connection &connection) {
    return pqxx::nontransaction{connection}.query_value<std::string>("SELECT current_setting('" + name + "')");
  });
}

/// The ConnectionDown of a lease whose session cannot be set up, and what is nested in it.
struct Refusal {
  std::string sqlstate;
  std::string text;
};

Refusal refusal_of(Fixture &fixture) {
  auto const failed = fixture.manager.statistics().failed_opens;
  try {
    auto const lease = fixture.manager.lease();
  } catch (ConnectionDown const &error) {
    CHECK(fixture.manager.status() == Status::closed);
    CHECK(fixture.manager.statistics().failed_opens == failed + 1);
    return {.sqlstate = error.sqlstate(), .text = full_text(error)};
  }
  FAIL("a session was opened");
  return {};
}

bool has(Refusal const &refusal, std::string const &words) { return refusal.text.find(words) != std::string::npos; }

}  // namespace

TEST_SUITE_BEGIN("session setup");

TEST_CASE("session parameters are set in every session, lists and odd characters included") {
  Fixture fixture{{.session_parameters = {{"search_path", "pg_temp, public, \"od'd\""},
                                          {"application_name", "it's; SELECT 1 -- \\"},
                                          {"pqlease_test.setting", "one, two"},
                                          {"statement_timeout", "1234ms"}}}};
  for (int epoch = 1; epoch <= 2; ++epoch) {
    CHECK(setting(fixture.manager, "search_path") == "pg_temp, public, \"od'd\"");
    CHECK(setting(fixture.manager, "application_name") == "it's; SELECT 1 -- \\");
    CHECK(setting(fixture.manager, "pqlease_test.setting") == "one, two");
    CHECK(setting(fixture.manager, "statement_timeout") == "1234ms");
    CHECK(fixture.manager.epoch() == static_cast<std::uint64_t>(epoch));
    fixture.manager.close();
  }
}

TEST_CASE("session parameters are there when on_open runs, which has the last word") {
  std::string seen;
  Fixture fixture{{.session_parameters = {{"application_name", "parameter"}, {"lock_timeout", "17ms"}},
                   .on_open = [&](pqxx::connection &connection) {
                     pqxx::nontransaction transaction{connection};
                     seen = transaction.query_value<std::string>("SHOW application_name");
                     transaction.exec("SET application_name = 'on_open'");
                   }}};
  CHECK(setting(fixture.manager, "application_name") == "on_open");
  CHECK(setting(fixture.manager, "lock_timeout") == "17ms");
  CHECK(seen == "parameter");
}

TEST_CASE("a session parameter that the server refuses makes the open fail, with its words and its SQLSTATE") {
  bool opened = false;
  Fixture fixture{{.session_parameters = {{"application_name", "fine"}, {"timezone", "nowhere"}},
                   .on_open = [&](pqxx::connection &) { opened = true; }}};
  auto const refusal = refusal_of(fixture);
  CHECK(refusal.sqlstate == "22023");
  CHECK(
      has(refusal, ": no session: Options::session_parameters: invalid value for parameter \"TimeZone\": \"nowhere\""));
  CHECK_FALSE(opened);
  CHECK(has(refusal_of(fixture), "nowhere"));  // nor does it work the second time
}

TEST_CASE("what the server says of a session parameter shows no secret of the connection string") {
  Fixture fixture{pqlease::testing::test_server().conninfo() + " password=Sup3r-S3cret-pqlease",
                  {.session_parameters = {{"timezone", "Sup3r-S3cret-pqlease"}}}};
  auto const refusal = refusal_of(fixture);
  CHECK(has(refusal, "invalid value for parameter"));
  CHECK_FALSE(has(refusal, "S3cret"));
  CHECK_FALSE(fixture.log.contains("S3cret"));
}

TEST_CASE("setting parameters ends with the time to connect") {
  // The server's answer to the parameters is the first one after the handshake.
  ProxiedFixture proxied{{.connect_timeout = 500ms, .session_parameters = {{"application_name", "x"}}}};
  proxied.proxy.delay(200ms);
  check_within(500ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease()), ConnectionDown); });
  proxied.proxy.forward();
  auto lease = lease_at_last(proxied.manager);
  CHECK(pqxx::nontransaction{*lease}.query_value<std::string>("SHOW application_name") == "x");
}

TEST_CASE("a setup that makes every session read-only is refused where it has to be writable") {
  Options options{.require = Require::writable};
  SUBCASE("by a parameter") { options.session_parameters = {{"default_transaction_read_only", "on"}}; }
  SUBCASE("by on_open") {
    options.on_open = [](pqxx::connection &connection) {
      pqxx::nontransaction{connection}.exec("SET default_transaction_read_only = on");
    };
  }
  Fixture fixture{options};
  CHECK(has(refusal_of(fixture), "the setup left the session read-only"));
}

TEST_CASE("an on_open that fails after its session got parameters and statements poisons nothing") {
  bool fail = true;
  Fixture fixture{{.session_parameters = {{"application_name", "parameter"}},
                   .require = Require::writable,
                   .on_open = [&](pqxx::connection &connection) {
                     if (fail) pqxx::nontransaction{connection}.exec("SELECT 1 / 0");
                   }}};
  fixture.manager.prepare("one", "SELECT 1");
  CHECK(has(refusal_of(fixture), "on_open failed"));
  CHECK(has(refusal_of(fixture), "on_open failed"));
  fail = false;
  auto lease = fixture.manager.lease();
  CHECK(lease.epoch() == 1);
  CHECK(pqxx::nontransaction{*lease}.exec(pqxx::prepped{"one"}).one_field().as<int>() == 1);
}

TEST_SUITE_END();
