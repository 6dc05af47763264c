#include "ratios/lookup_table.hpp"

#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>

#include <unistd.h>

#include <iostream>
#include <stdexcept>
#include <utility>

namespace pqlease::benchmarks {
namespace {

constexpr auto *statement_name = "lookup";

}  // namespace

LookupTable::LookupTable(std::string conninfo)
    : conninfo_{std::move(conninfo)},
      name_{fmt::format("pqlease_benchmark_{}", ::getpid())},
      select_{fmt::format("SELECT value FROM {} WHERE key = $1", name_)} {
  pqxx::connection connection{conninfo_};
  pqxx::nontransaction transaction{connection};
  transaction.exec(
      fmt::format("CREATE TABLE {} AS SELECT key, -key AS value FROM generate_series(0, {}) key", name_, rows - 1));
  transaction.exec(fmt::format("ALTER TABLE {} ADD PRIMARY KEY (key)", name_));
  transaction.exec(fmt::format("VACUUM ANALYZE {}", name_));  // now, rather than in the middle of a round
}

LookupTable::~LookupTable() {
  try {
    pqxx::connection connection{conninfo_};
    pqxx::nontransaction{connection}.exec("DROP TABLE " + name_);
  } catch (std::exception const &error) {
    std::cerr << "could not drop " << name_ << ": " << error.what() << '\n';
  }
}

void LookupTable::prepare(pqxx::connection &connection) const { connection.prepare(statement_name, select_); }

void LookupTable::find(pqxx::transaction_base &transaction, Statement statement, int key) const {
  pqxx::params const parameters{key};
  auto const answer = statement == Statement::prepared ? transaction.exec(pqxx::prepped{statement_name}, parameters)
                                                       : transaction.exec(select_, parameters);
  if (answer.one_field().as<int>() != -key) throw std::logic_error{"the server found another row"};
}

}  // namespace pqlease::benchmarks
