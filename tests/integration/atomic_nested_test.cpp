// Blocks within blocks.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::ManagedConnection;
using pqlease::TransactionAborted;
using pqlease::UsageError;
using pqlease::testing::ApplicationError;
using pqlease::testing::Fixture;

namespace {

/// Blocks within blocks, `levels` deep; each inserts a row, and at the bottom there is `f`.
void nest(Fixture &fixture, int levels, std::function<void()> const &f) {
  if (levels == 0) return f();
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    nest(fixture, levels - 1, f);
  });
}

}  // namespace

TEST_SUITE_BEGIN("atomic nested");

TEST_CASE("a nested block that fails is rolled back on its own") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &inner) {
      CHECK(&inner == &tx);
      fixture.insert(inner);
      throw ApplicationError{"inner"};
    }),
                    ApplicationError);
    fixture.insert(tx);
  });
  CHECK(fixture.committed_rows() == 2);
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.blocks_committed == 1);
  CHECK(statistics.blocks_rolled_back == 0);
  CHECK(statistics.leases_granted == 1);
}

TEST_CASE("a nested block that ends well is committed with the outermost one, and not before") {
  Fixture fixture;
  auto const number = fixture.manager.atomic([&](pqxx::transaction_base &) {
    auto const inner = fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      fixture.insert(tx);
      return 7;
    });
    CHECK(fixture.committed_rows() == 0);
    return inner;
  });
  CHECK(number == 7);
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("when the outermost block fails, the nested ones that ended well go with it") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &) {
    fixture.manager.atomic([&](pqxx::transaction_base &tx) { fixture.insert(tx); });
    throw ApplicationError{"outer"};
  }),
                  ApplicationError);
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("an error of SQL in a nested block leaves the block around it able to go on") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([](pqxx::transaction_base &inner) { inner.exec("SELECT 1/0"); }),
                    pqxx::data_exception);
    fixture.insert(tx);
  });
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("a failed statement that was swallowed: the nested block throws TransactionAborted, and it alone is undone") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &inner) {
      fixture.insert(inner);
      CHECK_THROWS_AS(inner.exec("SELECT 1/0"), pqxx::data_exception);
    }),
                    TransactionAborted);
    fixture.insert(tx);
  });
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("savepoint = false joins the block around it, and dooms it when it throws") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic({.savepoint = false},
                                           [&](pqxx::transaction_base &inner) {
                                             fixture.insert(inner);
                                             throw ApplicationError{"inner"};
                                           }),
                    ApplicationError);
    fixture.insert(tx);
  }),
                  TransactionAborted);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.statistics().blocks_rolled_back == 1);
  fixture.manager.atomic([&](pqxx::transaction_base &) {
    fixture.manager.atomic({.savepoint = false}, [&](pqxx::transaction_base &tx) { fixture.insert(tx); });
  });
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("the doom of a joined block ends at the next savepoint") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &middle) {
      fixture.insert(middle);
      CHECK_THROWS_AS(fixture.manager.atomic({.savepoint = false},
                                             [](pqxx::transaction_base &) { throw ApplicationError{"inner"}; }),
                      ApplicationError);
    }),
                    TransactionAborted);
  });
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a durable block refuses to be nested, before anything is sent, and is fine by itself") {
  Fixture fixture;
  fixture.manager.atomic({.durable = true}, [&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic({.durable = true}, [](pqxx::transaction_base &) { FAIL("it ran"); }),
                    UsageError);
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.begin({.durable = true})), UsageError);
  });
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("retry inside a nested block is a UsageError, before anything is sent") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(
        fixture.manager.atomic({.retry = {.max_attempts = 2}}, [](pqxx::transaction_base &) { FAIL("it ran"); }),
        UsageError);
    fixture.manager.atomic({.retry = {.max_attempts = 1}},
                           [&](pqxx::transaction_base &inner) { fixture.insert(inner); });
  });
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("a hundred levels of nesting work") {
  Fixture fixture;
  bool reached = false;
  nest(fixture, 100, [&] { reached = true; });
  CHECK(reached);
  CHECK(fixture.committed_rows() == 100);
}

TEST_CASE("of a hundred levels those below the one that swallows the exception are rolled back") {
  Fixture fixture;
  nest(fixture, 50,
       [&] { CHECK_THROWS_AS(nest(fixture, 50, [] { throw ApplicationError{"bottom"}; }), ApplicationError); });
  CHECK(fixture.committed_rows() == 50);
}

TEST_CASE("a savepoint's name can be used again once its block has ended") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &) {
    for (int i = 0; i < 10; ++i) {
      auto const attempt = [&] {
        fixture.manager.atomic([&](pqxx::transaction_base &tx) {
          fixture.insert(tx);
          if (i % 2 == 0) throw ApplicationError{"even"};
        });
      };
      if (i % 2 == 0) {
        CHECK_THROWS_AS(attempt(), ApplicationError);
      } else {
        attempt();
      }
    }
  });
  CHECK(fixture.committed_rows() == 5);
}

TEST_CASE("on_commit of a savepoint that is rolled back is dropped, the others are called in order") {
  Fixture fixture;
  std::vector<int> called;
  auto const note = [&](int number) { fixture.manager.on_commit([&called, number] { called.push_back(number); }); };
  fixture.manager.atomic([&](pqxx::transaction_base &) {
    note(1);
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &) {
      note(2);
      fixture.manager.atomic([&](pqxx::transaction_base &) { note(3); });
      throw ApplicationError{"middle"};
    }),
                    ApplicationError);
    fixture.manager.atomic([&](pqxx::transaction_base &) { note(4); });
    CHECK(called.empty());
    note(5);
  });
  CHECK(called == std::vector{1, 4, 5});
}

TEST_CASE("blocks of two managers do not nest: each commits by itself") {
  Fixture fixture;
  ManagedConnection other{fixture.server.conninfo()};
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    other.atomic({.durable = true, .retry = {.max_attempts = 2}},
                 [&](pqxx::transaction_base &inner) { fixture.insert(inner); });
    throw ApplicationError{"outer"};
  }),
                  ApplicationError);
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a block of another thread is no nested one: it waits for the lease") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    std::jthread{[&] {
      CHECK_THROWS_AS(fixture.manager.atomic({.lease_timeout = 0ms}, [](pqxx::transaction_base &) {}),
                      pqlease::LeaseTimeout);
      CHECK_THROWS_AS(fixture.manager.on_commit([] {}), UsageError);
    }};
  });
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a stream that outlives its nested block: UncommittedTransaction, and nothing of the whole is committed") {
  Fixture fixture;
  {
    std::unique_ptr<pqxx::stream_to> stream;
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      fixture.insert(tx);
      CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &inner) {
        stream = std::make_unique<pqxx::stream_to>(pqxx::stream_to::table(inner, {fixture.table}));
      }),
                      pqlease::UncommittedTransaction);
      stream->complete();
      stream.reset();
    }),
                    TransactionAborted);
  }
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.status() == pqlease::Status::idle);
}

TEST_CASE("a session lost in a nested block: the exception passes through, and the block around it cannot go on") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &inner) {
      fixture.server.kill_backend(inner.conn().backendpid());
      throw ApplicationError{"inner"};
    }),
                    ApplicationError);
    CHECK_THROWS_AS(fixture.insert(tx), pqxx::failure);
  }),
                  pqxx::broken_connection);
  CHECK(fixture.committed_rows() == 0);
  CHECK(fixture.manager.lease().epoch() == 2);
}

TEST_CASE("abort() in a nested block is the end of the whole") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([](pqxx::transaction_base &inner) { inner.abort(); }), TransactionAborted);
  }),
                  TransactionAborted);
  CHECK(fixture.committed_rows() == 0);
}

TEST_CASE("COMMIT by SQL in a nested block: nobody claims to know how it ended") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    CHECK_THROWS_AS(fixture.manager.atomic([](pqxx::transaction_base &inner) { inner.exec("COMMIT"); }),
                    pqlease::OutcomeUnknown);
  }),
                  pqlease::OutcomeUnknown);
  CHECK(fixture.manager.statistics().in_doubt_unknown == 1);
}

TEST_SUITE_END();
