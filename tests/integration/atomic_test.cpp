// What an atomic block is by itself; what it does within another one, to conflicts and to COMMIT has files of its own.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Status;
using pqlease::TransactionAborted;
using pqlease::UsageError;
using pqlease::testing::ApplicationError;
using pqlease::testing::Fixture;

TEST_SUITE_BEGIN("atomic");

TEST_CASE("atomic commits when its function returns, and the lease is free then") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK(fixture.committed_rows() == 0);
  });
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.try_lease());
  CHECK(fixture.manager.statistics().blocks_committed == 1);
}

TEST_CASE("atomic rolls back when its function throws, and the exception passes through") {
  Fixture fixture;
  CHECK_THROWS_WITH_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    throw ApplicationError{"in flight"};
  }),
                       "in flight", ApplicationError);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.status() == Status::idle);
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.blocks_rolled_back == 1);
  CHECK(statistics.blocks_committed == 0);
  CHECK(statistics.leaks == 0);
}

TEST_CASE("atomic returns what its function returns: nothing, values, references, move-only types") {
  Fixture fixture;
  int number = 1;
  fixture.manager.atomic([](pqxx::transaction_base &) {});
  CHECK(fixture.manager.atomic(
            [](pqxx::transaction_base &tx) { return tx.query_value<std::string>("SELECT 'text'"); }) == "text");
  auto &reference = fixture.manager.atomic([&](pqxx::transaction_base &) -> int & { return number; });
  CHECK(&reference == &number);
  auto const moved = fixture.manager.atomic([](pqxx::transaction_base &) { return std::make_unique<int>(2); });
  CHECK(*moved == 2);
  std::string text{"moved"};
  std::string const taken =
      fixture.manager.atomic([&](pqxx::transaction_base &) -> std::string && { return std::move(text); });
  CHECK(taken == "moved");
  static_assert(std::is_same_v<decltype(fixture.manager.atomic([](pqxx::transaction_base &) { return 1; })), int>);
  static_assert(
      std::is_same_v<decltype(fixture.manager.atomic([&](pqxx::transaction_base &) -> int & { return number; })),
                     int &>);
}

TEST_CASE("atomic takes anything that can be called, without copying it") {
  Fixture fixture;
  auto only_moves = [unique = std::make_unique<int>(3)](pqxx::transaction_base &) { return *unique; };
  CHECK(fixture.manager.atomic(only_moves) == 3);
  CHECK(fixture.manager.atomic(std::move(only_moves)) == 3);
  std::function<int(pqxx::transaction_base &)> const function = [](pqxx::transaction_base &) { return 4; };
  CHECK(fixture.manager.atomic(function) == 4);
}

TEST_CASE("a failed statement that was swallowed: atomic throws TransactionAborted and claims no commit") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(tx.exec("SELECT 1/0"), pqxx::data_exception);
  }),
                  TransactionAborted);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.epoch() == 1);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
}

TEST_CASE("commit() of the block's transaction is refused, and the block is rolled back") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    tx.commit();
  }),
                  UsageError);
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(tx.commit(), UsageError);
  }),
                  TransactionAborted);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 2);
}

TEST_CASE("abort() of the block's transaction rolls back at once, and the block says so") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    tx.abort();
    CHECK(fixture.manager.status() == Status::idle);
  }),
                  TransactionAborted);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
}

TEST_CASE("a transaction that was ended by SQL: OutcomeUnknown, and the block is never run again") {
  Fixture fixture;
  for (std::string const end : {"COMMIT", "ROLLBACK"}) {
    int runs = 0;
    CHECK_THROWS_AS(fixture.manager.atomic({.retry = {.max_attempts = 3, .on_disconnect = true}},
                                           [&](pqxx::transaction_base &tx) {
                                             ++runs;
                                             fixture.insert(tx);
                                             tx.exec(end);
                                           }),
                    pqlease::OutcomeUnknown);
    CHECK(runs == 1);
  }
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.statistics().in_doubt_unknown == 2);
}

TEST_CASE("an error that comes after COMMIT was sent by SQL is no reason to run the block again") {
  Fixture fixture;
  int runs = 0;
  CHECK_THROWS_AS(fixture.manager.atomic({.retry = {.max_attempts = 3, .sqlstates = {"22012"}}},
                                         [&](pqxx::transaction_base &tx) {
                                           ++runs;
                                           fixture.insert(tx);
                                           tx.exec("COMMIT");
                                           tx.exec("SELECT 1/0");
                                         }),
                  pqxx::data_exception);
  CHECK(runs == 1);
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.statistics().in_doubt_unknown == 1);
}

TEST_CASE("a deferred constraint that COMMIT finds violated comes through as libpqxx's own exception") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    tx.exec("CREATE TEMP TABLE later (key int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    tx.exec("INSERT INTO later VALUES (1), (1)");
    fixture.insert(tx);
  }),
                  pqxx::unique_violation);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.status() == Status::idle);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
}

TEST_CASE("a stream that was completed is no leak, though libpqxx leaves the end of its answer unread") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.manager.atomic([&](pqxx::transaction_base &inner) {
      auto stream = pqxx::stream_to::table(inner, {fixture.table});
      stream << std::make_tuple("nested", "value");
      stream.complete();
    });
    auto stream = pqxx::stream_to::table(tx, {fixture.table});
    stream << std::make_tuple("key", "value");
    stream.complete();
  });
  CHECK(fixture.committed_rows() == 2);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("a stream that outlives its block: UncommittedTransaction, and it can be destroyed later") {
  Fixture fixture;
  {
    std::unique_ptr<pqxx::stream_to> stream;
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      fixture.insert(tx);
      stream = std::make_unique<pqxx::stream_to>(pqxx::stream_to::table(tx, {fixture.table}));
      *stream << std::make_tuple("key", "value");
    }),
                    pqlease::UncommittedTransaction);
    CHECK(fixture.manager.atomic([](pqxx::transaction_base &tx) { return tx.query_value<int>("SELECT 1"); }) == 1);
  }
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.epoch() == 2);
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.quarantined == 1);
  CHECK(statistics.blocks_rolled_back == 1);
}

TEST_CASE(
    "a pipeline that outlives a block which throws: the exception passes through, and nothing refers to nothing") {
  Fixture fixture;
  {
    std::unique_ptr<pqxx::pipeline> pipeline;
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      pipeline = std::make_unique<pqxx::pipeline>(tx);
      pipeline->insert(fixture.insert_statement());
      throw ApplicationError{"in flight"};
    }),
                    ApplicationError);
  }
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.lease().epoch() == 2);
}

TEST_CASE("while a block runs, the others wait for the lease, and this thread cannot take another one") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &) {
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), pqlease::RecursiveLease);
    std::jthread{[&] {
      CHECK_FALSE(fixture.manager.try_lease());
      CHECK_THROWS_AS(fixture.manager.atomic({.lease_timeout = 0ms}, [](pqxx::transaction_base &) {}),
                      pqlease::LeaseTimeout);
    }};
  });
}

TEST_CASE("atomic in a thread that holds a plain lease is a RecursiveLease") {
  Fixture fixture;
  auto const lease = fixture.manager.lease();
  CHECK_THROWS_AS(fixture.manager.atomic([](pqxx::transaction_base &) {}), pqlease::RecursiveLease);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.begin()), pqlease::RecursiveLease);
}

TEST_CASE("on_commit callbacks run in order, after COMMIT, with the lease free; dropped when the block rolls back") {
  Fixture fixture;
  std::vector<int> called;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    fixture.manager.on_commit([&] {
      called.push_back(1);
      CHECK(fixture.committed_rows() == 1);
      fixture.manager.atomic([&](pqxx::transaction_base &inner) {
        fixture.insert(inner);
        fixture.manager.on_commit([&] { called.push_back(2); });
      });
    });
    fixture.manager.on_commit([&] { called.push_back(3); });
    CHECK(called.empty());
  });
  CHECK(called == std::vector{1, 2, 3});
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &) {
    fixture.manager.on_commit([&] { called.push_back(4); });
    throw ApplicationError{"in flight"};
  }),
                  ApplicationError);
  CHECK(called.size() == 3);
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("an exception from an on_commit callback is logged, and the others run") {
  Fixture fixture;
  bool called = false;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    fixture.manager.on_commit([] { throw ApplicationError{"no mail server"}; });
    fixture.manager.on_commit([&] { called = true; });
  });
  CHECK(called);
  CHECK(fixture.log.contains("on_commit failed: no mail server"));
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("on_commit outside of a block is a UsageError, and so is an empty function") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.on_commit([] {}), UsageError);
  auto const lease = fixture.manager.lease();
  CHECK_THROWS_AS(fixture.manager.on_commit([] {}), UsageError);
  Fixture other;
  other.manager.atomic([&](pqxx::transaction_base &) { CHECK_THROWS_AS(other.manager.on_commit({}), UsageError); });
}

TEST_CASE("a stop token ends the wait of a block for the lease") {
  Fixture fixture;
  std::stop_source stop;
  stop.request_stop();
  bool called = false;
  CHECK_THROWS_AS(fixture.manager.atomic({.stop = stop.get_token()}, [&](pqxx::transaction_base &) { called = true; }),
                  pqlease::LeaseCancelled);
  CHECK_FALSE(called);
}

TEST_CASE("an option of a block out of its range is refused by name before anything is done") {
  Fixture fixture;
  auto const refused = [&](pqlease::AtomicOptions const &options) -> std::string {
    try {
      fixture.manager.atomic(options, [](pqxx::transaction_base &) {});
    } catch (pqlease::InvalidOption const &error) {
      return error.option();
    }
    return "accepted";
  };
  CHECK(refused({.retry = {.max_attempts = 0}}) == "retry.max_attempts");
  CHECK(refused({.retry = {.initial_delay = -1ms}}) == "retry.initial_delay");
  CHECK(refused({.retry = {.factor = 0.5}}) == "retry.factor");
  CHECK(refused({.retry = {.initial_delay = 10ms, .max_delay = 9ms}}) == "retry.max_delay");
  CHECK(refused({.retry = {.timeout = -1ms}}) == "retry.timeout");
  CHECK(refused({.retry = {.sqlstates = {"4000"}}}) == "retry.sqlstates");
  CHECK(refused({.lease_timeout = -1ms}) == "lease_timeout");
  CHECK(refused({.resolve_timeout = 0ms}) == "resolve_timeout");
  CHECK_THROWS_WITH_AS(static_cast<void>(fixture.manager.begin({.resolve_timeout = 0ms})),
                       "BeginOptions::resolve_timeout is 0 ms; it must lie between 1 ms and 86400000 ms",
                       pqlease::InvalidOption);
  CHECK(fixture.manager.epoch() == 0);
}

TEST_SUITE_END();
