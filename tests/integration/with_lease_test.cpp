#include "fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <tuple>

using pqlease::Status;
using pqlease::testing::ApplicationError;
using pqlease::testing::Fixture;

TEST_SUITE_BEGIN("with_lease");

TEST_CASE("with_lease returns what its function returns: nothing, values, references, move-only types") {
  Fixture fixture;
  int number = 1;
  fixture.manager.with_lease([](pqxx::connection &) {});
  CHECK(fixture.manager.with_lease([](pqxx::connection &connection) {
    return pqxx::nontransaction{connection}.query_value<std::string>("SELECT 'text'");
  }) == "text");
  auto &reference = fixture.manager.with_lease([&](pqxx::connection &) -> int & { return number; });
  CHECK(&reference == &number);
  auto const moved = fixture.manager.with_lease([](pqxx::connection &) { return std::make_unique<int>(2); });
  CHECK(*moved == 2);
  std::string text{"moved"};
  std::string const taken =
      fixture.manager.with_lease([&](pqxx::connection &) -> std::string && { return std::move(text); });
  CHECK(taken == "moved");
  static_assert(std::is_same_v<decltype(fixture.manager.with_lease([](pqxx::connection &) { return 1; })), int>);
}

TEST_CASE("with_lease has released the lease when it returns") {
  Fixture fixture;
  fixture.manager.with_lease([](pqxx::connection &) {});
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.try_lease());
}

TEST_CASE("with_lease throws a leak on return") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.with_lease([&](pqxx::connection &connection) {
    fixture.begin_by_hand(connection);
    return 1;
  }),
                  pqlease::UncommittedTransaction);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("with_lease rolls back when its function throws, and the exception passes through") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.with_lease([&](pqxx::connection &connection) {
    fixture.begin_by_hand(connection);
    throw ApplicationError{"in flight"};
  }),
                  ApplicationError);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().leaks == 1);
}

TEST_CASE("trap: libpqxx gives 57P01 as a plain sql_error; with_lease closes the session all the same") {
  Fixture fixture;
  CHECK_THROWS(fixture.manager.with_lease([](pqxx::connection &connection) {
    pqxx::nontransaction{connection}.exec("SELECT pg_terminate_backend(pg_backend_pid())");
  }));
  CHECK(fixture.manager.status() == Status::closed);
  CHECK(fixture.manager.with_lease([](pqxx::connection &connection) {
    return pqxx::nontransaction{connection}.query_value<int>("SELECT 1");
  }) == 1);
}

TEST_CASE("with_lease inside with_lease is a RecursiveLease") {
  Fixture fixture;
  CHECK_THROWS_AS(
      fixture.manager.with_lease([&](pqxx::connection &) { fixture.manager.with_lease([](pqxx::connection &) {}); }),
      pqlease::RecursiveLease);
  CHECK(fixture.manager.status() == Status::idle);
}

TEST_CASE("a stream that was completed outside of a transaction is no leak, though libpqxx leaves its answer unread") {
  Fixture fixture;
  fixture.manager.with_lease([&](pqxx::connection &connection) {
    pqxx::nontransaction transaction{connection};
    auto stream = pqxx::stream_to::table(transaction, {fixture.table});
    stream << std::make_tuple("key", "value");
    stream.complete();
  });
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.epoch() == 1);
  CHECK(fixture.manager.statistics().leaks == 0);
}

TEST_SUITE_END();
