// The examples and tests of psycopg2-managed-connection, with the same observable result.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <sstream>

using pqlease::ManagedConnection;
using pqlease::Status;
using pqlease::UncommittedTransaction;
using pqlease::testing::ApplicationError;
using pqlease::testing::Fixture;

namespace {

std::string printed(ManagedConnection const &manager) {
  std::ostringstream out;
  out << manager;
  return out.str();
}

}  // namespace

TEST_SUITE_BEGIN("counterparts of the Python original");

TEST_CASE("creating a managed connection: it is closed, and prints so until its first lease") {
  Fixture fixture;
  auto const name = "<ManagedConnection: " + fixture.manager.conninfo();
  CHECK(printed(fixture.manager) == name + " (closed)>");
  CHECK_FALSE(fixture.manager.is_open());
  { auto lease = fixture.manager.lease(); }
  CHECK(printed(fixture.manager) == name + " (idle)>");
  CHECK(fixture.manager.is_open());
}

TEST_CASE("making queries: what is committed in a lease stays") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    pqxx::work transaction{*lease};
    CHECK(transaction.query_value<int>("SELECT 1") == 1);
    fixture.insert(transaction);
    transaction.commit();
  }
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("releasing in a transaction: rolled back and thrown, the session stays open and idle") {
  Fixture fixture;
  CHECK_THROWS_AS(
      {
        auto lease = fixture.manager.lease();
        fixture.begin_by_hand(*lease);
        CHECK(fixture.manager.status() == Status::in_transaction);
      },
      UncommittedTransaction);
  CHECK(fixture.manager.is_open());
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("an application error: rolled back, the session stays open and idle, and closes when asked to") {
  Fixture fixture;
  CHECK_THROWS_AS(
      {
        auto lease = fixture.manager.lease();
        fixture.begin_by_hand(*lease);
        CHECK(fixture.manager.status() == Status::in_transaction);
        throw ApplicationError{"There was an application error"};
      },
      ApplicationError);
  CHECK(fixture.manager.is_open());
  CHECK(fixture.manager.status() == Status::idle);
  {
    auto lease = fixture.manager.lease();
    lease.close_on_release();
    CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT count(*) FROM " + fixture.table) == 0);
  }
  CHECK_FALSE(fixture.manager.is_open());
  CHECK(fixture.log.contains("session closed"));
}

TEST_CASE("a database error that poisons: the session is closed, and the next lease opens another one") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.with_lease(
                      [](pqxx::connection &) { throw pqxx::sql_error{"There was an error", "query", "57P01"}; }),
                  pqxx::sql_error);
  CHECK_FALSE(fixture.manager.is_open());
  fixture.manager.with_lease(
      [](pqxx::connection &connection) { CHECK(pqxx::nontransaction{connection}.query_value<int>("SELECT 1") == 1); });
  CHECK(fixture.manager.is_open());
  CHECK(fixture.manager.epoch() == 2);
}

// The one deliberate difference: the original closes the session on every error of the database.
TEST_CASE("an ordinary SQL error does not close the session") {
  Fixture fixture;
  auto const violate = [&](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("INSERT INTO " + fixture.table + " VALUES ('same', 'a'), ('same', 'b')");
  };
  CHECK_THROWS_AS(fixture.manager.with_lease(violate), pqxx::unique_violation);
  CHECK_THROWS_AS(
      {
        auto lease = fixture.manager.lease();
        violate(*lease);
      },
      pqxx::unique_violation);
  CHECK(fixture.manager.is_open());
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_SUITE_END();
