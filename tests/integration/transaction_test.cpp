// begin(): atomic blocks as objects.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using pqlease::BeginOptions;
using pqlease::Status;
using pqlease::Transaction;
using pqlease::TransactionAborted;
using pqlease::UncommittedTransaction;
using pqlease::UsageError;
using pqlease::testing::ApplicationError;
using pqlease::testing::Fixture;

namespace {

template <class Options>
concept HasRetry = requires(Options options) { options.retry; };

void forget(Fixture &fixture) {
  auto tx = fixture.manager.begin();
  fixture.insert(*tx);
}

void fail(Fixture &fixture) {
  auto tx = fixture.manager.begin();
  fixture.insert(*tx);
  throw ApplicationError{"in flight"};
}

}  // namespace

TEST_SUITE_BEGIN("transaction");

TEST_CASE("begin holds the lease until commit") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  CHECK(tx);
  fixture.insert(*tx);
  tx->exec("SELECT 1");
  std::jthread{[&] { CHECK_FALSE(fixture.manager.try_lease()); }};
  CHECK(fixture.committed_rows() == 0);
  tx.commit();
  CHECK_FALSE(tx);
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.try_lease());
  CHECK(fixture.manager.statistics().blocks_committed == 1);
}

TEST_CASE("rollback undoes, and gives the lease back") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  fixture.insert(*tx);
  tx.rollback();
  CHECK_FALSE(tx);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.try_lease());
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
}

TEST_CASE("neither commit nor rollback: UncommittedTransaction, which says where it was begun") {
  Fixture fixture;
  try {
    forget(fixture);
    FAIL("nobody noticed");
  } catch (UncommittedTransaction const &leak) {
    CHECK(std::string{leak.where().function_name()}.find("forget") != std::string::npos);
  }
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("an exception in flight is not replaced") {
  Fixture fixture;
  CHECK_THROWS_WITH_AS(fail(fixture), "in flight", ApplicationError);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
}

TEST_CASE("a failed statement that was swallowed: commit throws TransactionAborted and claims nothing") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  fixture.insert(*tx);
  CHECK_THROWS_AS(tx->exec("SELECT 1/0"), pqxx::data_exception);
  CHECK_THROWS_AS(tx.commit(), TransactionAborted);
  CHECK_FALSE(tx);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("a block that is over cannot be used, and says so") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  tx.commit();
  CHECK_THROWS_AS(tx.commit(), UsageError);
  CHECK_THROWS_AS(tx.rollback(), UsageError);
  CHECK_THROWS_AS(tx.on_commit([] {}), UsageError);
  CHECK_THROWS_AS(static_cast<void>(*tx), UsageError);
}

TEST_CASE("a retry cannot be asked for") {
  static_assert(HasRetry<pqlease::AtomicOptions>);
  static_assert(!HasRetry<BeginOptions>);
  static_assert(!std::is_move_assignable_v<Transaction> && !std::is_copy_constructible_v<Transaction>);
}

TEST_CASE("a block can be moved") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  fixture.insert(*tx);
  auto moved = std::move(tx);
  CHECK_FALSE(tx);  // NOLINT(bugprone-use-after-move): that is the question
  fixture.insert(*moved);
  moved.commit();
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("a block that was handed to another thread nests there once it was adopted") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  std::jthread{[&] {
    auto moved = std::move(tx);
    moved.adopt();
    fixture.manager.atomic([&](pqxx::transaction_base &inner) { fixture.insert(inner); });
    CHECK(fixture.committed_rows() == 0);
    moved.commit();
  }};
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("begin within a block is nested: a savepoint of its own") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &outer) {
    auto kept = fixture.manager.begin();
    CHECK(&*kept == &outer);
    fixture.insert(*kept);
    kept.commit();
    auto undone = fixture.manager.begin();
    fixture.insert(*undone);
    undone.rollback();
    CHECK_THROWS_AS(fail(fixture), ApplicationError);
    CHECK_THROWS_AS(forget(fixture), UncommittedTransaction);
    fixture.insert(outer);
  });
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("atomic within begin is nested") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  fixture.manager.atomic([&](pqxx::transaction_base &inner) { fixture.insert(inner); });
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &inner) {
    fixture.insert(inner);
    throw ApplicationError{"inner"};
  }),
                  ApplicationError);
  tx.commit();
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a failed statement swallowed in a nested begin: its commit throws, the outer one goes on") {
  Fixture fixture;
  auto outer = fixture.manager.begin();
  fixture.insert(*outer);
  auto inner = fixture.manager.begin();
  CHECK_THROWS_AS(inner->exec("SELECT 1/0"), pqxx::data_exception);
  CHECK_THROWS_AS(inner.commit(), TransactionAborted);
  outer.commit();
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("blocks end in the opposite order of their beginning: else UsageError, and nothing has happened") {
  Fixture fixture;
  auto outer = fixture.manager.begin();
  auto inner = fixture.manager.begin();
  fixture.insert(*inner);
  CHECK_THROWS_AS(outer.commit(), UsageError);
  CHECK_THROWS_AS(outer.rollback(), UsageError);
  inner.commit();
  outer.commit();
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a nested block that outlives the outer one is over, and harmless, even in another block's time") {
  Fixture fixture;
  auto outer = fixture.manager.begin();
  auto inner = fixture.manager.begin();
  auto const end = [&] {
    auto const ended = std::move(outer);
    throw ApplicationError{"in flight"};
  };
  CHECK_THROWS_AS(end(), ApplicationError);
  CHECK_FALSE(inner);
  auto second = fixture.manager.begin();
  fixture.insert(*second);
  CHECK_THROWS_AS(inner.commit(), UsageError);
  CHECK_THROWS_AS(static_cast<void>(*inner), UsageError);
  second.commit();
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a block that was begun in atomic and is still open at its end is never committed by it") {
  Fixture fixture;
  std::unique_ptr<pqlease::Transaction> kept;
  auto const keep_open = [&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    kept = std::make_unique<pqlease::Transaction>(fixture.manager.begin());
    fixture.insert(**kept);
  };
  CHECK_THROWS_AS(fixture.manager.atomic(keep_open), pqlease::UncommittedTransaction);
  CHECK_FALSE(*kept);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);

  SUBCASE("nor by the nested one that it was begun in") {
    fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      fixture.insert(tx);
      CHECK_THROWS_AS(fixture.manager.atomic(keep_open), pqlease::UncommittedTransaction);
    });
    CHECK(fixture.committed_rows() == 1);
  }
  SUBCASE("and a nested one that fails takes it along") {
    fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      fixture.insert(tx);
      auto const fail = [&](pqxx::transaction_base &inner) {
        keep_open(inner);
        throw ApplicationError{"inner"};
      };
      CHECK_THROWS_AS(fixture.manager.atomic(fail), ApplicationError);
      fixture.insert(tx);
    });
    CHECK(fixture.committed_rows() == 2);
  }
}

TEST_CASE("a nested block whose outermost one has ended meanwhile touches nothing") {
  Fixture fixture;
  auto outer = std::make_unique<pqlease::Transaction>(fixture.manager.begin());
  auto const end_outer = [&](pqxx::transaction_base &) { outer->rollback(); };
  // A block within is open, so that the one around it must not end by itself; but its user may let go of it.
  CHECK_THROWS_AS(fixture.manager.atomic(end_outer), UsageError);
  CHECK(*outer);
  auto const lose_outer = [&](pqxx::transaction_base &) {
    auto const lost = std::move(*outer);
    throw ApplicationError{"in flight"};
  };
  CHECK_THROWS_AS(fixture.manager.atomic(lose_outer), ApplicationError);
  CHECK_FALSE(*outer);
  fixture.manager.atomic([&](pqxx::transaction_base &tx) { fixture.insert(tx); });
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("on_commit of a block is called after the outermost commit") {
  Fixture fixture;
  std::vector<int> called;
  auto outer = fixture.manager.begin();
  auto inner = fixture.manager.begin();
  inner.on_commit([&] { called.push_back(fixture.committed_rows()); });
  fixture.insert(*inner);
  inner.commit();
  CHECK(called.empty());
  outer.on_commit([&] { called.push_back(2); });
  outer.commit();
  CHECK(called == std::vector{1, 2});
}

TEST_CASE("a transaction that was ended by SQL: commit() and the destructor throw OutcomeUnknown") {
  Fixture fixture;
  auto const end_by_sql = [&] {
    auto tx = fixture.manager.begin();
    fixture.insert(*tx);
    tx->exec("COMMIT");
  };
  CHECK_THROWS_AS(end_by_sql(), pqlease::OutcomeUnknown);
  auto tx = fixture.manager.begin();
  tx->exec("COMMIT");
  CHECK_THROWS_AS(tx.commit(), pqlease::OutcomeUnknown);
  CHECK(fixture.manager.statistics().in_doubt_unknown == 2);
  CHECK(fixture.manager.status() == Status::idle);
}

TEST_CASE("a block that lost its session may be forgotten: its user has seen the error") {
  Fixture fixture;
  {
    auto tx = fixture.manager.begin();
    fixture.insert(*tx);
    fixture.server.kill_backend(tx->conn().backendpid());
    CHECK_THROWS_AS(fixture.insert(*tx), pqxx::failure);
    CHECK_THROWS_AS(fixture.insert(*tx), pqxx::broken_connection);
  }
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
  CHECK(fixture.manager.lease().epoch() == 2);
}

TEST_CASE("a block that was aborted may be forgotten: it is rolled back, as its user wanted") {
  Fixture fixture;
  {
    auto tx = fixture.manager.begin();
    fixture.insert(*tx);
    tx->abort();
  }
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
}

TEST_CASE("begin outlives its manager, and commits") {
  Fixture fixture;
  std::optional<pqlease::ManagedConnection> manager{std::in_place, fixture.server.conninfo()};
  auto tx = manager->begin();
  fixture.insert(*tx);
  manager.reset();
  fixture.insert(*tx);
  tx.commit();
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("the lease that begin waits for has the time that was given") {
  Fixture fixture;
  auto const held = fixture.manager.lease();
  std::jthread{[&] {
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.begin({.lease_timeout = 0ms})), pqlease::LeaseTimeout);
  }};
}

TEST_SUITE_END();
