// What a block asks of its transaction is what it gets.

#include "fixture.hpp"

#include <doctest/doctest.h>

#include <string>

using pqlease::AccessMode;
using pqlease::AtomicOptions;
using pqlease::IsolationLevel;
using pqlease::ManagedConnection;
using pqlease::testing::Fixture;

namespace {

std::string shown(pqxx::transaction_base &tx, std::string const &parameter) {
  return tx.query_value<std::string>("SHOW transaction_" + parameter);
}

std::string shown(ManagedConnection &manager, AtomicOptions const &options, std::string const &parameter) {
  return manager.atomic(options, [&](pqxx::transaction_base &tx) { return shown(tx, parameter); });
}

/// The SQLSTATE of the error that a statement ends with; empty when it does not.
template <class F> std::string sqlstate_of(F f) {
  try {
    f();
  } catch (pqxx::sql_error const &error) {
    return std::string{error.sqlstate()};
  }
  return {};
}

/// Two doctors are on call; each goes home if the other one stays. Both transactions are well by themselves.
class Doctors {
public:
  explicit Doctors(Fixture &fixture) : table_{fixture.table} {
    fixture.manager.atomic([&](pqxx::transaction_base &tx) {
      tx.exec("INSERT INTO " + table_ + " VALUES ('alice', 'on call'), ('bob', 'on call')");
    });
  }
  void go_home(pqxx::transaction_base &tx, std::string const &who) const {
    if (on_call(tx) < 2) return;
    tx.exec("UPDATE " + table_ + " SET value = 'home' WHERE key = '" + who + "'");
  }
  [[nodiscard]] int on_call(pqxx::transaction_base &tx) const {
    return tx.query_value<int>("SELECT count(*) FROM " + table_ + " WHERE value = 'on call'");
  }

private:
  std::string table_;
};

}  // namespace

TEST_SUITE_BEGIN("atomic isolation");

TEST_CASE("a block runs at the isolation level that was asked for") {
  Fixture fixture;
  auto &manager = fixture.manager;
  CHECK(shown(manager, {.isolation = IsolationLevel::read_committed}, "isolation") == "read committed");
  CHECK(shown(manager, {.isolation = IsolationLevel::repeatable_read}, "isolation") == "repeatable read");
  CHECK(shown(manager, {.isolation = IsolationLevel::serializable}, "isolation") == "serializable");
}

TEST_CASE("what is not asked for is the session's default") {
  Fixture fixture{{.on_open = [](pqxx::connection &session) {
    pqxx::nontransaction{session}.exec("SET default_transaction_isolation = 'repeatable read'");
    pqxx::nontransaction{session}.exec("SET default_transaction_read_only = on");
  }}};
  CHECK(shown(fixture.manager, {}, "isolation") == "repeatable read");
  CHECK(shown(fixture.manager, {}, "read_only") == "on");
  CHECK(shown(fixture.manager, {.access = AccessMode::read_write}, "read_only") == "off");
  CHECK(shown(fixture.manager, {}, "read_only") == "on");
}

TEST_CASE("write skew is refused under serializable") {
  Fixture fixture;
  Doctors const doctors{fixture};
  ManagedConnection other{fixture.server.conninfo()};
  auto alice = fixture.manager.begin({.isolation = IsolationLevel::serializable});
  auto bob = other.begin({.isolation = IsolationLevel::serializable});
  doctors.go_home(*alice, "alice");
  doctors.go_home(*bob, "bob");
  alice.commit();
  CHECK_THROWS_AS(bob.commit(), pqxx::serialization_failure);
  CHECK(fixture.manager.atomic([&](pqxx::transaction_base &tx) { return doctors.on_call(tx); }) == 1);
  CHECK(other.statistics().blocks_rolled_back == 1);
}

TEST_CASE("write skew happens under repeatable read") {
  Fixture fixture;
  Doctors const doctors{fixture};
  ManagedConnection other{fixture.server.conninfo()};
  auto alice = fixture.manager.begin({.isolation = IsolationLevel::repeatable_read});
  auto bob = other.begin({.isolation = IsolationLevel::repeatable_read});
  doctors.go_home(*alice, "alice");
  doctors.go_home(*bob, "bob");
  alice.commit();
  bob.commit();
  CHECK(fixture.manager.atomic([&](pqxx::transaction_base &tx) { return doctors.on_call(tx); }) == 0);
}

TEST_CASE("a read committed block sees what others commit meanwhile, a repeatable read block does not") {
  Fixture fixture;
  ManagedConnection other{fixture.server.conninfo()};
  auto const changes = [&](IsolationLevel level) {
    return fixture.manager.atomic({.isolation = level}, [&](pqxx::transaction_base &tx) {
      auto const rows = [&] { return tx.query_value<int>("SELECT count(*) FROM " + fixture.table); };
      auto const before = rows();
      other.atomic([&](pqxx::transaction_base &outside) { fixture.insert(outside); });
      return rows() - before;
    });
  };
  CHECK(changes(IsolationLevel::read_committed) == 1);
  CHECK(changes(IsolationLevel::repeatable_read) == 0);
}

TEST_CASE("a read-only block refuses writes, a read-write block takes them") {
  Fixture fixture;
  auto const insert = [&](pqxx::transaction_base &tx) { fixture.insert(tx); };
  CHECK(sqlstate_of([&] { fixture.manager.atomic({.access = AccessMode::read_only}, insert); }) == "25006");
  CHECK(fixture.committed_rows() == 0);
  fixture.manager.atomic({.access = AccessMode::read_write}, insert);
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("deferrable is what was asked for") {
  Fixture fixture;
  auto &manager = fixture.manager;
  AtomicOptions options{.isolation = IsolationLevel::serializable, .access = AccessMode::read_only, .deferrable = true};
  CHECK(shown(manager, options, "deferrable") == "on");
  CHECK(shown(manager, options, "isolation") == "serializable");
  CHECK(shown(manager, options, "read_only") == "on");
  options.deferrable = false;
  CHECK(shown(manager, options, "deferrable") == "off");
  CHECK(shown(manager, {}, "deferrable") == "off");
}

TEST_CASE("in a nested block, what concerns the transaction works while no query has run") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    AtomicOptions const options{
        .isolation = IsolationLevel::serializable, .access = AccessMode::read_only, .deferrable = true};
    fixture.manager.atomic(options, [&](pqxx::transaction_base &inner) {
      CHECK(&inner == &tx);
      CHECK(shown(inner, "isolation") == "serializable");
      CHECK(shown(inner, "deferrable") == "on");
      CHECK(shown(inner, "read_only") == "on");
    });
    CHECK(shown(tx, "isolation") == "serializable");
  });
  fixture.manager.atomic({.access = AccessMode::read_only}, [&](pqxx::transaction_base &) {
    fixture.manager.atomic({.access = AccessMode::read_write}, [&](pqxx::transaction_base &tx) { fixture.insert(tx); });
  });
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("in a nested block, what concerns the transaction gives the server's error once a query has run") {
  Fixture fixture;
  auto const refusal = [&](AtomicOptions const &outer, AtomicOptions const &inner) {
    return sqlstate_of([&] {
      fixture.manager.atomic(outer, [&](pqxx::transaction_base &tx) {
        tx.exec("SELECT 1");
        fixture.manager.atomic(inner, [](pqxx::transaction_base &) { FAIL("it ran"); });
      });
    });
  };
  CHECK(refusal({}, {.isolation = IsolationLevel::serializable}) == "25001");
  CHECK(refusal({}, {.deferrable = true}) == "25001");
  CHECK(refusal({}, {.isolation = IsolationLevel::serializable, .savepoint = false}) == "25001");
  CHECK(refusal({.access = AccessMode::read_only}, {.access = AccessMode::read_write}) == "25001");
  CHECK(fixture.manager.status() == pqlease::Status::idle);
}

TEST_CASE("a nested block may be read-only at any time, and its end gives the block around it its rights back") {
  Fixture fixture;
  fixture.manager.atomic([&](pqxx::transaction_base &tx) {
    fixture.insert(tx);
    fixture.manager.atomic({.access = AccessMode::read_only},
                           [&](pqxx::transaction_base &inner) { CHECK(shown(inner, "read_only") == "on"); });
    CHECK(sqlstate_of([&] {
            fixture.manager.atomic({.access = AccessMode::read_only},
                                   [&](pqxx::transaction_base &inner) { fixture.insert(inner); });
          }) == "25006");
    fixture.insert(tx);
  });
  CHECK(fixture.committed_rows() == 2);
}

TEST_SUITE_END();
