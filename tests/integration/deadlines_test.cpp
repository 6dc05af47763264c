// No call waits past its option, whatever the network does: the fault proxy stands between library and server.

#include "proxied_fixture.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <memory>
#include <thread>

using namespace std::chrono_literals;
using namespace pqlease::testing;
using pqlease::ConnectionDown;
using pqlease::Lease;
using pqlease::Options;
using pqlease::Status;
using pqlease::UncommittedTransaction;

namespace {

void open_session(ProxiedFixture &proxied) { check_next_lease_works(proxied, 1); }

/// How a network can say nothing.
enum class Silence {
  swallowed,  ///< every byte gets lost
  stalled,    ///< nothing is read, so that writers wait, too
};
constexpr std::array both_silences{Silence::swallowed, Silence::stalled};

void go_silent(FaultProxy &proxy, Silence silence) { silence == Silence::swallowed ? proxy.swallow() : proxy.stall(); }

}  // namespace

TEST_SUITE_BEGIN("deadlines");

TEST_CASE("opening ends at connect_timeout") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.connect_timeout = 300ms}};
    go_silent(proxied.proxy, silence);
    check_within(300ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease()), ConnectionDown); });
    check_within(300ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.try_lease()), ConnectionDown); });
    check_within(300ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease_for(0ms)), ConnectionDown); });
    check_next_lease_works(proxied, 1);
  }
}

TEST_CASE("opening ends at the lease's own deadline") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied;
    go_silent(proxied.proxy, silence);
    check_within(300ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease_for(300ms)), ConnectionDown); });
    check_next_lease_works(proxied, 1);
  }
}

TEST_CASE("a server that refuses, or is cut off in the middle of the handshake, is a ConnectionDown at once") {
  ProxiedFixture proxied;
  SUBCASE("refused") { proxied.proxy.refuse(); }
  SUBCASE("FIN") { proxied.proxy.cut_after(Direction::to_client, 40, Ending::finish); }
  SUBCASE("RST") { proxied.proxy.cut_after(Direction::to_client, 40, Ending::reset); }
  check_within(0ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease()), ConnectionDown); });
  check_next_lease_works(proxied, 1);
}

TEST_CASE("who waits for a thread that is opening waits no longer than that one") {
  ProxiedFixture proxied{Options{.connect_timeout = 300ms}};
  proxied.proxy.swallow();
  std::jthread const opener{[&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease()), ConnectionDown); }};
  CHECK(proxied.proxy.wait_until([](ProxyCounts const &now) { return now.accepted > 0; }));
  check_within(300ms, [&] { proxied.manager.close(); });
  check_next_lease_works(proxied, 1);
}

TEST_CASE("probing ends at probe_timeout, and opening another session at connect_timeout") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.connect_timeout = 200ms, .idle_probe_after = 0ms, .probe_timeout = 200ms}};
    open_session(proxied);
    go_silent(proxied.proxy, silence);
    check_within(400ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease()), ConnectionDown); });
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("probing ends at the lease's own deadline") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.idle_probe_after = 0ms}};
    open_session(proxied);
    go_silent(proxied.proxy, silence);
    check_within(300ms, [&] { CHECK_THROWS_AS(static_cast<void>(proxied.manager.lease_for(300ms)), ConnectionDown); });
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("trap: a peer that vanished without a FIN is found within probe_timeout") {
  ProxiedFixture proxied{Options{.idle_probe_after = 0ms, .probe_timeout = 300ms}};
  open_session(proxied);
  proxied.proxy.swallow();
  check_within(300ms, [&] { check_next_lease_works(proxied, 2); });
  CHECK(proxied.manager.statistics().sessions_replaced == 1);
}

TEST_CASE("a session whose peer closed or was reset while idle is replaced, and nobody notices") {
  ProxiedFixture proxied;
  std::uint64_t epoch = 0;
  for (auto const ending : {Ending::finish, Ending::reset}) {
    check_next_lease_works(proxied, ++epoch);
    proxied.proxy.cut(ending);
    check_next_lease_works(proxied, ++epoch);
    proxied.manager.close();
  }
  CHECK(proxied.manager.statistics().sessions_replaced == 2);
  CHECK(proxied.manager.statistics().failed_opens == 0);
}

TEST_CASE("a connection cut in the middle of a result is libpqxx's broken_connection, and the release does not throw") {
  ProxiedFixture proxied;
  open_session(proxied);
  auto lease = proxied.manager.lease();
  SUBCASE("FIN") { proxied.proxy.cut_after(Direction::to_client, 10'000, Ending::finish); }
  SUBCASE("RST") { proxied.proxy.cut_after(Direction::to_client, 10'000, Ending::reset); }
  {
    pqxx::nontransaction transaction{*lease};
    CHECK_THROWS_AS(transaction.exec("SELECT repeat('x', 1000000)"), pqxx::broken_connection);
  }
  CHECK(lease.status() == Status::unknown);
  check_within(0ms, [&] { CHECK_NOTHROW(lease.release()); });
  check_next_lease_works(proxied, 2);
}

TEST_CASE("a connection cut in the middle of a statement's text ends the transaction, not the manager") {
  ProxiedFixture proxied;
  open_session(proxied);
  auto lease = proxied.manager.lease();
  {
    pqxx::work transaction{*lease};
    proxied.fixture.insert(transaction);
    SUBCASE("FIN") { proxied.proxy.cut_after(Direction::to_server, 10, Ending::finish); }
    SUBCASE("RST") { proxied.proxy.cut_after(Direction::to_server, 10, Ending::reset); }
    CHECK_THROWS_AS(proxied.fixture.insert(transaction), pqxx::broken_connection);
  }
  CHECK_NOTHROW(lease.release());
  CHECK(proxied.fixture.committed_rows() == 0);
  check_next_lease_works(proxied, 2);
}

TEST_CASE("rolling back at release ends at release_timeout") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.release_timeout = 300ms}};
    auto lease = proxied.manager.lease();
    begin(proxied, lease);
    go_silent(proxied.proxy, silence);
    check_release_leaks_in_time(lease, 300ms);
    check_next_lease_works(proxied, 2);
    CHECK(proxied.fixture.committed_rows() == 0);
  }
}

TEST_CASE("draining a running statement at release ends at release_timeout") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.release_timeout = 300ms}};
    auto lease = proxied.manager.lease();
    start_statement(proxied, lease);
    go_silent(proxied.proxy, silence);
    check_release_leaks_in_time(lease, 300ms);
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("the release of an abandoned COPY ends at release_timeout") {
  Start start{};
  SUBCASE("to the server") { start = &start_copy_in; }
  SUBCASE("from the server") { start = &start_copy_out; }
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.release_timeout = 300ms}};
    auto lease = proxied.manager.lease();
    start(proxied, lease);
    go_silent(proxied.proxy, silence);
    check_release_leaks_in_time(lease, 300ms);
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("rollback() ends at release_timeout and says that the session is gone") {
  Start start{};
  SUBCASE("in a transaction") { start = &begin; }
  SUBCASE("in a COPY") { start = &start_copy_in; }
  SUBCASE("in a statement") { start = &start_statement; }
  for (auto const silence : both_silences) {
    ProxiedFixture proxied{Options{.release_timeout = 300ms}};
    auto lease = proxied.manager.lease();
    start(proxied, lease);
    go_silent(proxied.proxy, silence);
    check_within(300ms, [&] { CHECK_THROWS_AS(lease.rollback(), pqxx::broken_connection); });
    check_within(0ms, [&] { CHECK_NOTHROW(lease.release()); });
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("an exception that unwinds a lease is held up for release_timeout at most") {
  ProxiedFixture proxied{Options{.release_timeout = 300ms}};
  check_within(300ms + 200ms, [&] {  // to connect takes its time, too
    CHECK_THROWS_AS(proxied.manager.with_lease([&](pqxx::connection &connection) {
      proxied.fixture.begin_by_hand(connection);
      proxied.proxy.swallow();
      throw pqlease::testing::ApplicationError{"in flight"};
    }),
                    pqlease::testing::ApplicationError);
  });
  check_next_lease_works(proxied, 2);
}

TEST_CASE("close() of an idle session does not wait for the peer") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied;
    open_session(proxied);
    go_silent(proxied.proxy, silence);
    check_within(0ms, [&] { proxied.manager.close(); });
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("shutdown() does not wait for the peer") {
  for (auto const silence : both_silences) {
    ProxiedFixture proxied;
    open_session(proxied);
    go_silent(proxied.proxy, silence);
    check_within(0ms, [&] { proxied.manager.shutdown(); });
    CHECK_FALSE(proxied.manager.is_open());
  }
}

TEST_CASE("the destructor does not wait for the peer") {
  for (auto const silence : both_silences) {
    FaultProxy proxy{pqlease::testing::test_server()};
    auto manager = std::make_unique<pqlease::ManagedConnection>(proxy.conninfo());
    { auto lease = manager->lease(); }
    go_silent(proxy, silence);
    check_within(0ms, [&] { manager.reset(); });
  }
}

TEST_CASE("a lease that outlives its manager ends at release_timeout as well") {
  for (auto const silence : both_silences) {
    FaultProxy proxy{pqlease::testing::test_server()};
    auto manager = std::make_unique<pqlease::ManagedConnection>(proxy.conninfo(), Options{.release_timeout = 300ms});
    auto lease = manager->lease();
    pqxx::nontransaction{*lease}.exec("BEGIN");
    go_silent(proxy, silence);
    check_within(0ms, [&] { manager.reset(); });
    check_release_leaks_in_time(lease, 300ms);
  }
}

TEST_CASE("a slow network costs time, and no session") {
  ProxiedFixture proxied{Options{.idle_probe_after = 0ms}};
  open_session(proxied);
  {
    auto lease = proxied.manager.lease();
    start_copy_out(proxied, lease);
    proxied.proxy.delay(10ms);
    CHECK_THROWS_AS(lease.release(), UncommittedTransaction);
  }
  CHECK(proxied.manager.statistics().forced_rollbacks == 1);
  CHECK(proxied.manager.lease().epoch() == 1);
}

TEST_SUITE_END();
