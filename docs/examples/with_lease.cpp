#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <iostream>

int main() {
  pqlease::ManagedConnection manager{"dbname=postgres"};
  //! [with_lease]
  auto const name = manager.with_lease([](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    auto result = transaction.query_value<std::string>("SELECT current_database()");
    transaction.commit();
    return result;
  });
  //! [with_lease]
  std::cout << name << '\n';
  return name == "postgres" ? 0 : 1;
}
