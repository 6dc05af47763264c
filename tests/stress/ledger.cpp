#include "ledger.hpp"

#include <spdlog/fmt/fmt.h>

#include <unordered_map>

namespace pqlease::stress {
namespace {

using Book = std::unordered_map<std::int64_t, int>;

Book read_book(pqxx::transaction_base &transaction) {
  Book book;
  for (auto const &row : transaction.exec("SELECT id, count(*) FROM book GROUP BY id")) {
    book.emplace(row[0].as<std::int64_t>(), row[1].as<int>());
  }
  return book;
}

/// Takes the transfer out of the book; how often it was there.
int take(Book &book, std::int64_t id) {
  auto const entry = book.extract(id);
  return entry ? entry.mapped() : 0;
}

void compare(Record const &record, Book &book, Audit &audit) {
  auto id = record.first_id();
  for (auto const outcome : record.outcomes()) {
    auto const times = take(book, id++);
    if (times > 1) ++audit.repeated;
    switch (outcome) {
    case Outcome::committed:
      ++audit.committed;
      if (times == 0) ++audit.lost;
      break;
    case Outcome::rolled_back:
      ++audit.rolled_back;
      if (times != 0) ++audit.undead;
      break;
    case Outcome::unknown:
      ++audit.unknown;
      if (times != 0) ++audit.unknown_booked;
      break;
    }
  }
}

}  // namespace

std::int64_t Record::begin() {
  outcomes_.push_back(Outcome::rolled_back);
  return first_id_ + static_cast<std::int64_t>(outcomes_.size()) - 1;
}

void create_ledger(pqxx::connection &connection) {
  pqxx::work transaction{connection};
  transaction.exec("CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)");
  transaction.exec(fmt::format("INSERT INTO account SELECT g, 0 FROM generate_series(0, {}) g", account_count - 1));
  transaction.exec(
      "CREATE TABLE book (id bigint NOT NULL, source int NOT NULL, target int NOT NULL, amount int NOT NULL)");
  transaction.commit();
}

void prepare_statements(pqxx::connection &connection) {
  connection.prepare("move", "UPDATE account SET balance = balance + $2 WHERE id = $1");
  connection.prepare("enter", "INSERT INTO book VALUES ($1, $2, $3, $4)");
}

void book(pqxx::transaction_base &transaction, Transfer const &transfer) {
  transaction.exec(pqxx::prepped{"move"}, pqxx::params{transfer.from, -transfer.amount});
  transaction.exec(pqxx::prepped{"move"}, pqxx::params{transfer.to, transfer.amount});
  transaction.exec(pqxx::prepped{"enter"}, pqxx::params{transfer.id, transfer.from, transfer.to, transfer.amount});
}

std::string plain_statements(Transfer const &transfer) {
  auto const &[id, from, to, amount] = transfer;
  return fmt::format("UPDATE account SET balance = balance - {} WHERE id = {};"
                     "UPDATE account SET balance = balance + {} WHERE id = {};"
                     "INSERT INTO book VALUES ({}, {}, {}, {})",
                     amount, from, amount, to, id, from, to, amount);
}

Audit audit(pqxx::connection &connection, std::vector<Record> const &records) {
  pqxx::read_transaction transaction{connection};
  auto book = read_book(transaction);
  Audit result;
  for (auto const &record : records) compare(record, book, result);
  result.foreign = book.size();
  result.sum = transaction.query_value<std::int64_t>("SELECT sum(balance) FROM account");
  result.unbalanced =
      transaction.query_value<std::size_t>("SELECT count(*) FROM account a WHERE balance <>"
                                           " (SELECT coalesce(sum(amount), 0) FROM book WHERE target = a.id) -"
                                           " (SELECT coalesce(sum(amount), 0) FROM book WHERE source = a.id)");
  return result;
}

}  // namespace pqlease::stress
