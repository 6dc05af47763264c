// The table "Release: the rules", one test per cell.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>

using namespace std::chrono_literals;
using pqlease::Lease;
using pqlease::Status;
using pqlease::UncommittedTransaction;
using pqlease::testing::ApplicationError;
using pqlease::testing::backend_of;
using pqlease::testing::Fixture;
using pqlease::testing::SilentBackend;

namespace {

void fail_transaction(Fixture const &fixture, pqxx::connection &connection) {
  fixture.begin_by_hand(connection);
  CHECK_THROWS_AS(pqxx::nontransaction{connection}.exec("SELECT 1 / 0"), pqxx::sql_error);
}

void start_copy_in(Fixture const &fixture, pqxx::connection &connection) {
  pqxx::nontransaction{connection}.exec("COPY " + fixture.table + " FROM STDIN");
}

// More than anybody could read in time: it has to be cancelled.
void start_copy_out(Fixture const &, pqxx::connection &connection) {
  pqxx::nontransaction{connection}.exec("COPY (SELECT repeat('x', 1000) || generate_series(1, 1000000000)) TO STDOUT");
}

void break_session(Fixture const &fixture, Lease &lease) {
  fixture.server.kill_backend(backend_of(lease));
  CHECK_THROWS(pqxx::nontransaction{*lease}.exec("SELECT 1"));
}

/// Releases a lease after `body` on a normal exit; the message of the UncommittedTransaction that comes.
template <class Body> std::string leak_on_normal_exit(Fixture &fixture, Body body) {
  try {
    auto lease = fixture.manager.lease();
    body(*lease);
  } catch (UncommittedTransaction const &error) {
    return error.what();
  }
  FAIL("the leak went unnoticed");
  return {};
}

/// Releases a lease after `body` while an exception is in flight.
template <class Body> void leak_while_unwinding(Fixture &fixture, Body body) {
  try {
    auto lease = fixture.manager.lease();
    body(*lease);
    throw ApplicationError{"in flight"};
  } catch (ApplicationError const &error) {
    CHECK(std::string{error.what()} == "in flight");
  }
}

void check_kept(Fixture &fixture) {
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
  { auto lease = fixture.manager.lease(); }
  CHECK(fixture.manager.epoch() == 1);
  CHECK(fixture.manager.statistics().leaks == 1);
  CHECK(fixture.manager.statistics().forced_rollbacks == 1);
  CHECK(fixture.manager.statistics().forced_closes == 0);
}

void check_replaced(Fixture &fixture) {
  CHECK_FALSE(fixture.manager.is_open());
  CHECK(fixture.committed_rows() == 0);
  {
    auto lease = fixture.manager.lease();
    CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT 1") == 1);
  }
  CHECK(fixture.manager.epoch() == 2);
}

void check_still_works(Fixture &fixture) {
  auto lease = fixture.manager.lease();
  CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT 1") == 1);
  CHECK(fixture.manager.epoch() == 2);
  CHECK(fixture.committed_rows() == 0);
}

}  // namespace

TEST_SUITE_BEGIN("release table");

TEST_CASE("idle, normal exit: the session is handed over") {
  Fixture fixture;
  int first{};
  {
    auto lease = fixture.manager.lease();
    first = backend_of(lease);
  }
  CHECK(fixture.manager.status() == Status::idle);
  auto lease = fixture.manager.lease();
  CHECK(backend_of(lease) == first);
  CHECK(lease.epoch() == 1);
}

TEST_CASE("idle, unwinding: the session is handed over") {
  Fixture fixture;
  leak_while_unwinding(fixture,
                       [](pqxx::connection &connection) { pqxx::nontransaction{connection}.exec("SELECT 1"); });
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.statistics().leaks == 0);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("BEGIN sent by hand, normal exit: rolled back and thrown, with the line where the lease was taken") {
  Fixture fixture;
  try {
    auto const line = std::source_location::current().line() + 1;
    auto lease = fixture.manager.lease();
    fixture.begin_by_hand(*lease);
    CHECK(lease.status() == Status::in_transaction);
    try {
      lease.release();
      FAIL("the leak went unnoticed");
    } catch (UncommittedTransaction const &error) {
      std::string const what{error.what()};
      CHECK(error.where().line() == line);
      CHECK(what.find(std::string{__FILE__} + ":" + std::to_string(line)) != std::string::npos);
      CHECK(what.ends_with("was released in a transaction; it was rolled back"));
      throw;
    }
  } catch (UncommittedTransaction const &) {
    check_kept(fixture);
  }
}

TEST_CASE("a failed transaction, normal exit: rolled back and thrown") {
  Fixture fixture;
  auto const what = leak_on_normal_exit(fixture, [&](auto &connection) { fail_transaction(fixture, connection); });
  CHECK(what.ends_with("was released in a failed transaction; it was rolled back"));
  check_kept(fixture);
}

TEST_CASE("in a transaction, unwinding: rolled back, logged, and the exception goes on") {
  Fixture fixture;
  leak_while_unwinding(fixture, [&](auto &connection) { fixture.begin_by_hand(connection); });
  CHECK(fixture.log.contains("was released in a transaction; it was rolled back"));
  check_kept(fixture);
}

TEST_CASE("a failed transaction, unwinding: rolled back, logged, and the exception goes on") {
  Fixture fixture;
  leak_while_unwinding(fixture, [&](auto &connection) { fail_transaction(fixture, connection); });
  CHECK(fixture.log.contains("was released in a failed transaction; it was rolled back"));
  check_kept(fixture);
}

TEST_CASE("COPY FROM in progress, normal exit: drained and thrown") {
  Fixture fixture;
  auto const what = leak_on_normal_exit(fixture, [&](auto &connection) { start_copy_in(fixture, connection); });
  CHECK(what.ends_with("was released with a COPY or an unread result in progress; it was cancelled"));
  check_kept(fixture);
}

TEST_CASE("COPY FROM in progress, unwinding: drained, logged, and the exception goes on") {
  Fixture fixture;
  leak_while_unwinding(fixture, [&](auto &connection) { start_copy_in(fixture, connection); });
  CHECK(fixture.log.contains("was released with a COPY or an unread result in progress; it was cancelled"));
  check_kept(fixture);
}

TEST_CASE("COPY TO in progress, normal exit: cancelled, drained and thrown") {
  Fixture fixture;
  leak_on_normal_exit(fixture, [&](auto &connection) { start_copy_out(fixture, connection); });
  check_kept(fixture);
}

TEST_CASE("COPY TO in progress, unwinding: cancelled, drained, logged, and the exception goes on") {
  Fixture fixture;
  leak_while_unwinding(fixture, [&](auto &connection) { start_copy_out(fixture, connection); });
  CHECK(fixture.log.contains("was released with a COPY or an unread result in progress; it was cancelled"));
  check_kept(fixture);
}

TEST_CASE("COPY inside a transaction block: the transaction is rolled back after the COPY was drained") {
  Fixture fixture;
  leak_on_normal_exit(fixture, [&](auto &connection) {
    fixture.begin_by_hand(connection);
    start_copy_in(fixture, connection);
  });
  check_kept(fixture);
}

TEST_CASE("COPY with no time to drain it: the session is closed") {
  Fixture fixture{pqlease::Options{.release_timeout = std::chrono::milliseconds{0}}};
  auto const what = leak_on_normal_exit(fixture, [&](auto &connection) { start_copy_out(fixture, connection); });
  CHECK(what.ends_with("in progress; the session was closed"));
  CHECK(fixture.manager.statistics().forced_closes == 1);
  check_replaced(fixture);
}

TEST_CASE("a transaction object on the heap, normal exit: quarantined and thrown; the object can be destroyed later") {
  Fixture fixture;
  std::unique_ptr<pqxx::work> transaction;
  auto const what = leak_on_normal_exit(fixture, [&](auto &connection) {
    transaction = std::make_unique<pqxx::work>(connection);
    fixture.insert(*transaction);
  });
  CHECK(what.ends_with(
      "was released with a transaction object still alive; the session was closed, which rolls it back"));
  CHECK(fixture.manager.statistics().quarantined == 1);
  check_replaced(fixture);
  CHECK_THROWS_AS(fixture.insert(*transaction), pqxx::broken_connection);
  CHECK_THROWS_AS(transaction->commit(), pqxx::broken_connection);
  transaction.reset();
  check_still_works(fixture);
}

TEST_CASE("a transaction object on the heap, unwinding: quarantined, logged, and the exception goes on") {
  Fixture fixture;
  std::unique_ptr<pqxx::work> transaction;
  leak_while_unwinding(fixture, [&](auto &connection) {
    transaction = std::make_unique<pqxx::work>(connection);
    fixture.insert(*transaction);
  });
  CHECK(fixture.log.contains("was released with a transaction object still alive"));
  CHECK(fixture.manager.statistics().quarantined == 1);
  check_replaced(fixture);
  transaction.reset();
}

TEST_CASE(
    "an abandoned stream_to, normal exit: quarantined and thrown; stream and transaction can be destroyed later") {
  Fixture fixture;
  std::unique_ptr<pqxx::work> transaction;
  std::unique_ptr<pqxx::stream_to> stream;
  leak_on_normal_exit(fixture, [&](auto &connection) {
    transaction = std::make_unique<pqxx::work>(connection);
    stream.reset(new pqxx::stream_to{pqxx::stream_to::table(*transaction, {fixture.table})});
    stream->write_values("foo", "bar");
  });
  CHECK(fixture.manager.statistics().quarantined == 1);
  check_replaced(fixture);
  stream.reset();
  transaction.reset();
  check_still_works(fixture);
}

TEST_CASE("an abandoned stream_to, unwinding: quarantined, logged, and the exception goes on") {
  Fixture fixture;
  std::unique_ptr<pqxx::work> transaction;
  std::unique_ptr<pqxx::stream_to> stream;
  leak_while_unwinding(fixture, [&](auto &connection) {
    transaction = std::make_unique<pqxx::work>(connection);
    stream.reset(new pqxx::stream_to{pqxx::stream_to::table(*transaction, {fixture.table})});
    stream->write_values("foo", "bar");
  });
  CHECK(fixture.log.contains("was released with a transaction object still alive"));
  check_replaced(fixture);
}

TEST_CASE("a quarantined transaction object may outlive the manager") {
  std::unique_ptr<pqxx::work> transaction;
  {
    Fixture fixture;
    leak_on_normal_exit(fixture, [&](auto &connection) { transaction = std::make_unique<pqxx::work>(connection); });
  }
  CHECK_NOTHROW(transaction.reset());
}

TEST_CASE("a rollback that nobody answers ends at release_timeout: the session is closed, on both exits") {
  Fixture fixture{pqlease::Options{.release_timeout = 100ms}};
  if (!fixture.server.can_restart()) return;
  std::optional<SilentBackend> silence;
  auto const what = leak_on_normal_exit(fixture, [&](auto &connection) {
    fixture.begin_by_hand(connection);
    silence.emplace(connection.backendpid());
  });
  CHECK(what.ends_with("was released in a transaction; the session was closed, which rolls it back"));
  silence.reset();
  leak_while_unwinding(fixture, [&](auto &connection) {
    fixture.begin_by_hand(connection);
    silence.emplace(connection.backendpid());
  });
  CHECK(fixture.log.contains("was released in a transaction; the session was closed, which rolls it back"));
  CHECK(fixture.manager.statistics().forced_closes == 2);
  silence.reset();
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("a broken session, normal exit: closed and logged, without a throw") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    fixture.begin_by_hand(*lease);
    break_session(fixture, lease);
    CHECK(lease.status() == Status::unknown);
    CHECK_NOTHROW(lease.release());
  }
  CHECK(fixture.log.contains("session lost during the lease taken at "));
  CHECK(fixture.manager.statistics().leaks == 0);
  CHECK(fixture.manager.statistics().forced_closes == 1);
  check_replaced(fixture);
}

TEST_CASE("a broken session, unwinding: closed and logged, and the exception goes on") {
  Fixture fixture;
  try {
    auto lease = fixture.manager.lease();
    break_session(fixture, lease);
    throw ApplicationError{"in flight"};
  } catch (ApplicationError const &) {
    CHECK(fixture.log.contains("session lost during the lease taken at "));
  }
  check_replaced(fixture);
}

TEST_CASE("a pqxx::work destroyed inside its lease rolls itself back and is no leak") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    pqxx::work transaction{*lease};
    fixture.insert(transaction);
  }
  CHECK(fixture.manager.statistics().leaks == 0);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("a lease that leaks during unwinding inside a catch block of another exception does not terminate") {
  Fixture fixture;
  try {
    throw ApplicationError{"first"};
  } catch (ApplicationError const &) {
    leak_while_unwinding(fixture, [&](auto &connection) { fixture.begin_by_hand(connection); });
  }
  check_kept(fixture);
}

TEST_CASE("a lease taken and released by a destructor that runs during unwinding throws to that destructor") {
  Fixture fixture;
  bool thrown = false;
  struct Cleanup {
    ~Cleanup() {
      try {
        auto lease = fixture.manager.lease();
        fixture.begin_by_hand(*lease);
        lease.release();
      } catch (UncommittedTransaction const &) {
        thrown = true;
      }
    }
    Fixture &fixture;
    bool &thrown;
  };
  try {
    Cleanup const cleanup{fixture, thrown};
    throw ApplicationError{"in flight"};
  } catch (ApplicationError const &) {
    CHECK(thrown);
  }
  check_kept(fixture);
}

TEST_SUITE_END();
