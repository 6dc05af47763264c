// A session without a cancel key: libpq reports 0 as its backend then, which must not be taken for a sign.

#include "fixture.hpp"
#include "support/fault_proxy.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using pqlease::ManagedConnection;
using pqlease::Status;
using pqlease::UncommittedTransaction;
using pqlease::UsageError;
using pqlease::testing::backend_of;
using pqlease::testing::FaultProxy;
using pqlease::testing::Fixture;
using pqlease::testing::test_server;

namespace {

struct Keyless {
  FaultProxy proxy{test_server()};
  ManagedConnection manager{(proxy.withhold_keys(), proxy.conninfo())};
};

}  // namespace

TEST_SUITE_BEGIN("keyless session");

TEST_CASE("a session without a cancel key is leased again and again, but cannot be cancelled") {
  Keyless keyless;
  for (int i = 0; i < 3; ++i) {
    auto lease = keyless.manager.lease();
    CHECK(lease->backendpid() == 0);
    CHECK(lease.status() == Status::idle);
    CHECK(lease.epoch() == 1);
    CHECK_THROWS_WITH_AS(static_cast<void>(lease.canceller()), doctest::Contains("no cancel key"), UsageError);
  }
}

TEST_CASE("a leak in a session without a cancel key is rolled back and told") {
  Keyless keyless;
  auto const leak = [&] {
    auto lease = keyless.manager.lease();
    pqxx::nontransaction{*lease}.exec("BEGIN");
    CHECK(lease.status() == Status::in_transaction);
  };
  CHECK_THROWS_AS(leak(), UncommittedTransaction);
  CHECK(keyless.manager.status() == Status::idle);
  CHECK(keyless.manager.epoch() == 1);
}

TEST_CASE("a session without a cancel key that its user closes is closed") {
  Keyless keyless;
  {
    auto lease = keyless.manager.lease();
    lease->close();
    CHECK(lease.status() == Status::closed);
  }
  CHECK(keyless.manager.status() == Status::closed);
  CHECK(keyless.manager.lease().epoch() == 2);
}

TEST_CASE("a session without a cancel key that breaks is lost, and the next lease has another") {
  Keyless keyless;
  {
    auto lease = keyless.manager.lease();
    auto const end_it = "SELECT pg_terminate_backend(" + std::to_string(backend_of(lease)) + ")";
    CHECK_THROWS_AS(pqxx::nontransaction{*lease}.exec(end_it), pqxx::broken_connection);
    CHECK(lease.status() == Status::unknown);
  }
  auto lease = keyless.manager.lease();
  CHECK(lease.status() == Status::idle);
  CHECK(lease.epoch() == 2);
}

TEST_CASE("another connection without a cancel key in the place of the session's own is not taken for it") {
  Keyless keyless;
  {
    auto lease = keyless.manager.lease();
    pqxx::connection other{keyless.proxy.conninfo()};
    *lease = std::move(other);
    CHECK(lease.status() == Status::closed);
  }
  CHECK(keyless.manager.lease().epoch() == 2);
}

TEST_SUITE_END();
