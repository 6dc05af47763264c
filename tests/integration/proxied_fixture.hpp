#pragma once

#include "fixture.hpp"
#include "session/pqxx_compat.hpp"
#include "support/fault_proxy.hpp"

#include <doctest/doctest.h>
#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <utility>

namespace pqlease::testing {

/// A manager whose server is behind a proxy; the fixture's own statements go to the server directly.
struct ProxiedFixture {
  explicit ProxiedFixture(Options options = {});

  FaultProxy proxy;
  Fixture fixture;
  ManagedConnection &manager{fixture.manager};
};

/// How long this thread was ready to run and got no processor, all in all; 0 where the system does not tell.
[[nodiscard]] std::chrono::nanoseconds starved();

/// Runs what has to end in time: 200 ms are for everything but the wait itself. What a busy machine withholds is no
/// fault of the library.
template <class F> void check_within(std::chrono::milliseconds bound, F f) {
  using std::chrono::steady_clock;
  auto const start = steady_clock::now();
  auto const starved_before = starved();
  f();
  auto const all = steady_clock::now() - start;
  auto const took = std::chrono::duration_cast<std::chrono::milliseconds>(all - (starved() - starved_before));
  CHECK(took.count() <= bound.count() + 200);
}

/// Lets the proxy forward again, and takes a lease.
void check_next_lease_works(ProxiedFixture &proxied, std::uint64_t epoch);

/// Releases a lease that leaks.
void check_release_leaks_in_time(Lease &lease, std::chrono::milliseconds bound);

/// Gives the lease's libpq handle to `f`, for what libpqxx never leaves behind.
template <class F> void with_handle(Lease &lease, F f) {
  auto *const raw = reinterpret_cast<PGconn *>(std::move(*lease).release_raw_connection());
  f(raw);
  *lease = detail::adopt_handle(raw);
}

// What a lease can leave in progress.

void begin(ProxiedFixture const &proxied, Lease &lease);
void start_statement(ProxiedFixture const &proxied, Lease &lease);
void start_copy_in(ProxiedFixture const &proxied, Lease &lease);
void start_copy_out(ProxiedFixture const &proxied, Lease &lease);

using Start = void (*)(ProxiedFixture const &, Lease &);

}  // namespace pqlease::testing
