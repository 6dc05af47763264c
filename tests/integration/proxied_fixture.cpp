#include "proxied_fixture.hpp"

#include <cstdint>
#include <fstream>
#include <string>

namespace pqlease::testing {

ProxiedFixture::ProxiedFixture(Options options) : proxy{test_server()}, fixture{proxy.conninfo(), std::move(options)} {}

std::chrono::nanoseconds starved() {
  // Linux, "Scheduler Statistics": time on a processor, time spent waiting for one, both in nanoseconds.
  std::ifstream file{"/proc/thread-self/schedstat"};
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  file >> running >> waiting;
  return std::chrono::nanoseconds{file ? waiting : 0};
}

void check_next_lease_works(ProxiedFixture &proxied, std::uint64_t epoch) {
  proxied.proxy.forward();
  auto lease = proxied.manager.lease();
  CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT 1") == 1);
  CHECK(lease.epoch() == epoch);
}

void check_release_leaks_in_time(Lease &lease, std::chrono::milliseconds bound) {
  check_within(bound, [&] { CHECK_THROWS_AS(lease.release(), UncommittedTransaction); });
}

void begin(ProxiedFixture const &proxied, Lease &lease) {
  proxied.fixture.begin_by_hand(*lease);
  CHECK(lease.status() == Status::in_transaction);
}

void start_statement(ProxiedFixture const & /*proxied*/, Lease &lease) {
  with_handle(lease, [](PGconn *raw) { REQUIRE(PQsendQuery(raw, "SELECT pg_sleep(3600)") == 1); });
  CHECK(lease.status() == Status::active);
}

void start_copy_in(ProxiedFixture const &proxied, Lease &lease) {
  pqxx::nontransaction{*lease}.exec("COPY " + proxied.fixture.table + " FROM STDIN");
  CHECK(lease.status() == Status::active);
}

void start_copy_out(ProxiedFixture const & /*proxied*/, Lease &lease) {
  pqxx::nontransaction{*lease}.exec("COPY (SELECT repeat('x', 1000) || generate_series(1, 1000000000)) TO STDOUT");
  CHECK(lease.status() == Status::active);
}

}  // namespace pqlease::testing
