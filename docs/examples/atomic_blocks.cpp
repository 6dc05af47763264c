#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

using pqlease::AccessMode;
using pqlease::IsolationLevel;
using pqlease::ManagedConnection;
using pqlease::Outcome;

//! [transfer]
std::int64_t transfer(ManagedConnection &manager, int from, int to, int cents) {
  return manager.atomic(
      {.isolation = IsolationLevel::serializable, .retry = {.max_attempts = 5}}, [&](pqxx::transaction_base &tx) {
        auto const balance =
            tx.exec("SELECT cents FROM account WHERE id = $1", pqxx::params{from}).one_field().as<std::int64_t>();
        if (balance < cents) throw std::runtime_error{"not enough money"};  // rolls back, and is not tried again
        tx.exec("UPDATE account SET cents = cents - $2 WHERE id = $1", pqxx::params{from, cents});
        tx.exec("UPDATE account SET cents = cents + $2 WHERE id = $1", pqxx::params{to, cents});
        return balance - cents;
      });
}
//! [transfer]

//! [composition]
// A library function, which may be called in a transaction or outside of one.
void note(ManagedConnection &manager, std::string const &text) {
  manager.atomic([&](pqxx::transaction_base &tx) { tx.exec("INSERT INTO note VALUES ($1)", pqxx::params{text}); });
}

void open_account(ManagedConnection &manager, int id) {
  manager.atomic([&](pqxx::transaction_base &tx) {
    tx.exec("INSERT INTO account VALUES ($1, 0)", pqxx::params{id});
    try {
      note(manager, "opened");  // a savepoint here
    } catch (pqxx::sql_error const &) {
      // The note is undone; the account is not.
    }
  });
}
//! [composition]

//! [begin]
std::int64_t total(ManagedConnection &manager) {
  auto tx = manager.begin({.isolation = IsolationLevel::repeatable_read, .access = AccessMode::read_only});
  auto const cents = tx->query_value<std::int64_t>("SELECT sum(cents) FROM account");
  tx.commit();  // forgotten, it would be UncommittedTransaction
  return cents;
}
//! [begin]

//! [resolve]
bool pay(ManagedConnection &manager, std::string const &invoice) {
  try {
    manager.atomic(
        {.retry = {.max_attempts = 3, .on_disconnect = true}, .outcome = Outcome::resolve},
        [&](pqxx::transaction_base &tx) { tx.exec("INSERT INTO note VALUES ($1)", pqxx::params{"paid " + invoice}); });
    return true;  // committed, for certain
  } catch (pqlease::OutcomeUnknown const &unknown) {
    // The server did not come back in time. Whoever pays again must look first.
    std::cerr << "is invoice " << invoice << " paid? transaction " << unknown.transaction_id().value_or(0) << '\n';
    return false;
  }
}
//! [resolve]

//! [on_commit]
void order(ManagedConnection &manager, std::string const &what) {
  manager.atomic([&](pqxx::transaction_base &tx) {
    tx.exec("INSERT INTO note VALUES ($1)", pqxx::params{"ordered " + what});
    manager.on_commit([what] { std::cout << "mail: you have ordered " << what << '\n'; });
  });
}
//! [on_commit]

void set_up(ManagedConnection &manager) {
  manager.atomic([](pqxx::transaction_base &tx) {
    tx.exec("DROP TABLE IF EXISTS account, note");
    tx.exec("CREATE TABLE account (id int PRIMARY KEY, cents bigint NOT NULL)");
    tx.exec("INSERT INTO account VALUES (1, 100), (2, 0)");
    tx.exec("CREATE TABLE note (text text NOT NULL)");
  });
}

}  // namespace

int main() {
  ManagedConnection manager{"dbname=postgres"};
  set_up(manager);
  bool good = transfer(manager, 1, 2, 30) == 70;
  open_account(manager, 3);
  good = good && total(manager) == 100 && pay(manager, "4711");
  order(manager, "a book");
  auto const notes =
      manager.atomic([](pqxx::transaction_base &tx) { return tx.query_value<int>("SELECT count(*) FROM note"); });
  manager.atomic([](pqxx::transaction_base &tx) { tx.exec("DROP TABLE account, note"); });
  return good && notes == 3 ? 0 : 1;
}
