// A peer that has stopped reading: whoever writes to it waits, libpq among them. The library does not.

#include "proxied_fixture.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using namespace pqlease::testing;
using pqlease::Lease;
using pqlease::Options;
using pqlease::UncommittedTransaction;

namespace {

/// Sends rows of a COPY until the kernel takes no more. The last one is cut off, so that this session can only be
/// closed.
void fill_socket(Lease &lease) {
  // PostgreSQL, "Message Formats": 'd', the length of all but that letter, the row.
  std::string const message{"d\0\0\0\x0ekey\tvalue\n", 15};
  std::string block;
  for (int i = 0; i < 5000; ++i) block += message;
  while (::send(lease->sock(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {}
}

/// Leaves a row of a COPY in libpq's buffer, which libpq would send with the next ones.
void hold_back_a_row(Lease &lease) {
  with_handle(lease, [](PGconn *raw) { REQUIRE(PQputCopyData(raw, "key\tvalue\n", 10) == 1); });
}

/// Gives libpq more of a COPY than the kernel takes.
void fill_libpq_buffer(Lease &lease) {
  std::string const row = "key\t" + std::string(std::size_t{256} * 1024, 'x') + '\n';
  with_handle(lease, [&](PGconn *raw) {
    PQsetnonblocking(raw, 1);
    for (int i = 0; i < 64; ++i) REQUIRE(PQputCopyData(raw, row.data(), static_cast<int>(row.size())) == 1);
    REQUIRE(PQflush(raw) == 1);
  });
}

}  // namespace

TEST_SUITE_BEGIN("full buffers");

TEST_CASE("a release ends at release_timeout when the peer has stopped reading and every buffer is full") {
  ProxiedFixture proxied{Options{.release_timeout = 300ms}};
  auto lease = proxied.manager.lease();
  start_copy_in(proxied, lease);
  proxied.proxy.stall();
  SUBCASE("the kernel's, and libpq holds a little back") {
    fill_socket(lease);
    hold_back_a_row(lease);
  }
  SUBCASE("the kernel's, and libpq's as well") { fill_libpq_buffer(lease); }
  check_release_leaks_in_time(lease, 300ms);
  check_next_lease_works(proxied, 2);
}

TEST_CASE("rollback() ends at release_timeout when the peer has stopped reading and every buffer is full") {
  ProxiedFixture proxied{Options{.release_timeout = 300ms}};
  auto lease = proxied.manager.lease();
  start_copy_in(proxied, lease);
  proxied.proxy.stall();
  fill_socket(lease);
  hold_back_a_row(lease);
  check_within(300ms, [&] { CHECK_THROWS_AS(lease.rollback(), pqxx::broken_connection); });
  check_within(0ms, [&] { lease.release(); });
  check_next_lease_works(proxied, 2);
}

TEST_CASE("a release that finds every buffer full goes on as soon as the peer reads") {
  ProxiedFixture proxied;
  auto lease = proxied.manager.lease();
  start_copy_in(proxied, lease);
  proxied.proxy.stall();
  auto const before = proxied.proxy.counts();
  fill_libpq_buffer(lease);
  std::jthread const network{[&] {
    // The cancel request: the release is under way.
    CHECK(proxied.proxy.wait_until([&](ProxyCounts const &now) { return now.accepted > before.accepted; }));
    proxied.proxy.forward();
  }};
  CHECK_THROWS_AS(lease.release(), UncommittedTransaction);
  CHECK(proxied.manager.statistics().forced_closes == 0);
  CHECK(proxied.manager.lease().epoch() == 1);
}

TEST_CASE("a COPY whose server is busy and does not read is cancelled all the same") {
  ProxiedFixture proxied;
  auto lease = proxied.manager.lease();
  pqxx::nontransaction{*lease}.exec("CREATE FUNCTION pg_temp.sleep() RETURNS trigger LANGUAGE plpgsql AS "
                                    "'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END';"
                                    "CREATE TRIGGER sleep BEFORE INSERT ON " +
                                    proxied.fixture.table + " FOR EACH ROW EXECUTE FUNCTION pg_temp.sleep()");
  start_copy_in(proxied, lease);
  fill_libpq_buffer(lease);
  check_release_leaks_in_time(lease, 5s);
  CHECK(proxied.manager.statistics().forced_closes == 0);
  CHECK(proxied.manager.lease().epoch() == 1);
}

TEST_CASE("a socket whose mode its user has changed keeps no release waiting") {
  for (bool const blocking : {true, false}) {
    ProxiedFixture proxied{Options{.release_timeout = 300ms}};
    auto lease = proxied.manager.lease();
    proxied.fixture.begin_by_hand(*lease);
    lease->set_blocking(blocking);
    proxied.proxy.stall();
    check_release_leaks_in_time(lease, 300ms);
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("the release of an abandoned stream whose peer has stopped reading closes the session at once") {
  ProxiedFixture proxied;
  auto lease = proxied.manager.lease();
  auto const transaction = std::make_unique<pqxx::work>(*lease);
  auto const stream = std::make_unique<pqxx::stream_to>(pqxx::stream_to::table(*transaction, {proxied.fixture.table}));
  proxied.proxy.stall();
  fill_socket(lease);
  stream->write_values("key", "value");
  check_release_leaks_in_time(lease, 0ms);
  check_next_lease_works(proxied, 2);
}

TEST_SUITE_END();
