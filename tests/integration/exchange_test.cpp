// What a release does on the wire, on a libpq handle of the test's own: there are states that libpqxx never leaves
// behind.

#include "session/cancel.hpp"
#include "session/exchange.hpp"
#include "session/handle.hpp"
#include "support/test_server.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace std::chrono_literals;
using pqlease::detail::CancelKey;
using pqlease::detail::Deadline;
using pqlease::detail::drain;
using pqlease::detail::Handle;
using pqlease::detail::run_command;

namespace {

Handle open_handle() {
  Handle handle{PQconnectdb(pqlease::testing::test_server().conninfo().c_str())};
  REQUIRE(PQstatus(handle.get()) == CONNECTION_OK);
  return handle;
}

void check_ready(PGconn *raw) {
  CHECK(PQtransactionStatus(raw) == PQTRANS_IDLE);
  CHECK(PQisnonblocking(raw) == 0);
  CHECK(run_command(raw, "SET application_name = 'ready'", Deadline::after(10s)));
}

}  // namespace

TEST_SUITE_BEGIN("exchange");

TEST_CASE("a command that succeeds, one that fails, and one that is empty") {
  auto const handle = open_handle();
  CHECK(run_command(handle.get(), "BEGIN", Deadline::after(10s)));
  CHECK(PQtransactionStatus(handle.get()) == PQTRANS_INTRANS);
  CHECK_FALSE(run_command(handle.get(), "no such command", Deadline::after(10s)));
  CHECK(run_command(handle.get(), "ROLLBACK", Deadline::after(10s)));
  CHECK(run_command(handle.get(), "", Deadline::after(10s)));
  check_ready(handle.get());
}

TEST_CASE("unread rows are thrown away") {
  auto const handle = open_handle();
  REQUIRE(PQsendQuery(handle.get(), "SELECT repeat('x', 1000) FROM generate_series(1, 100000)") == 1);
  CHECK(drain(handle.get(), Deadline::after(10s)));
  check_ready(handle.get());
}

TEST_CASE("rows in single-row mode, half of them read, are thrown away") {
  auto const handle = open_handle();
  REQUIRE(PQsendQuery(handle.get(), "SELECT generate_series(1, 1000)") == 1);
  REQUIRE(PQsetSingleRowMode(handle.get()) == 1);
  PQclear(PQgetResult(handle.get()));
  CHECK(drain(handle.get(), Deadline::after(10s)));
  check_ready(handle.get());
}

TEST_CASE("a statement that would run for ever is cancelled") {
  auto const handle = open_handle();
  REQUIRE(PQsendQuery(handle.get(), "SELECT pg_sleep(3600)") == 1);
  CHECK(drain(handle.get(), Deadline::after(10s)));
  check_ready(handle.get());
}

TEST_CASE("several results of one query are thrown away, a COPY among them") {
  auto const handle = open_handle();
  REQUIRE(PQsendQuery(handle.get(), "SELECT 1; COPY (SELECT generate_series(1, 1000)) TO STDOUT; SELECT 2") == 1);
  CHECK(drain(handle.get(), Deadline::after(10s)));
  check_ready(handle.get());
}

TEST_CASE("a handle in pipeline mode is only good for closing") {
  auto const handle = open_handle();
  REQUIRE(PQenterPipelineMode(handle.get()) == 1);
  CHECK_FALSE(drain(handle.get(), Deadline::after(10s)));
}

TEST_CASE("a cancel request on an idle session does nothing, also to the next statement") {
  auto const handle = open_handle();
  auto const key = CancelKey::make(handle.get());
  REQUIRE(key);
  for (int i = 0; i < 20; ++i) {
    CHECK(key->cancel(Deadline::after(10s)));
    CHECK(run_command(handle.get(), "SET application_name = 'next'", Deadline::after(10s)));
  }
}

TEST_CASE("no time at all is not enough") {
  auto const handle = open_handle();
  REQUIRE(PQsendQuery(handle.get(), "SELECT pg_sleep(3600)") == 1);
  CHECK_FALSE(drain(handle.get(), Deadline::after(0ms)));
}

TEST_SUITE_END();
