#include "bank.hpp"

#include <pqxx/pqxx>

void Bank::set_up() {
  tear_down();
  manager_.with_lease([](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("CREATE TABLE pqlease_demo_account (id int PRIMARY KEY, cents bigint NOT NULL)");
    transaction.exec("CREATE TABLE pqlease_demo_ledger (id text PRIMARY KEY)");
    transaction.exec("INSERT INTO pqlease_demo_account SELECT g, $1 FROM generate_series(0, $2 - 1) g",
                     pqxx::params{cents_each, accounts});
    transaction.commit();
  });
}

void Bank::transfer(std::string const &id, int from, int to) {
  manager_.with_lease([&](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("UPDATE pqlease_demo_account SET cents = cents - 1 WHERE id = $1", pqxx::params{from});
    transaction.exec("UPDATE pqlease_demo_account SET cents = cents + 1 WHERE id = $1", pqxx::params{to});
    transaction.exec("INSERT INTO pqlease_demo_ledger VALUES ($1)", pqxx::params{id});
    transaction.commit();
  });
}

void Bank::forget(int from) {
  auto lease = manager_.lease();
  pqxx::nontransaction session{*lease};
  session.exec("BEGIN");
  session.exec("UPDATE pqlease_demo_account SET cents = cents - 1 WHERE id = $1", pqxx::params{from});
  // No COMMIT: the lease rolls it back and throws UncommittedTransaction from here.
}

bool Bank::has_transfer(std::string const &id) {
  return manager_.with_lease([&](pqxx::connection &connection) {
    return !pqxx::nontransaction{connection}
                .exec("SELECT FROM pqlease_demo_ledger WHERE id = $1", pqxx::params{id})
                .empty();
  });
}

std::int64_t Bank::total() {
  return manager_.with_lease([](pqxx::connection &connection) {
    return pqxx::nontransaction{connection}.query_value<std::int64_t>("SELECT sum(cents) FROM pqlease_demo_account");
  });
}

std::int64_t Bank::ledger_entries() {
  return manager_.with_lease([](pqxx::connection &connection) {
    return pqxx::nontransaction{connection}.query_value<std::int64_t>("SELECT count(*) FROM pqlease_demo_ledger");
  });
}

void Bank::tear_down() {
  manager_.with_lease([](pqxx::connection &connection) {
    pqxx::nontransaction{connection}.exec("DROP TABLE IF EXISTS pqlease_demo_account, pqlease_demo_ledger");
  });
}
