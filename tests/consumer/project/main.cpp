#include <pqlease/pqlease.hpp>

#include <pqxx/nontransaction>

#include <cstdlib>
#include <iostream>

int main() {
  pqlease::ManagedConnection manager{"postgres:///postgres"};
  std::cout << manager << '\n';
  if (std::getenv("PGHOST") == nullptr) return EXIT_SUCCESS;  // no server is named, so there is nobody to ask

  auto lease = manager.lease();
  pqxx::nontransaction transaction{*lease};
  std::cout << "SELECT 1: " << transaction.query_value<int>("SELECT 1") << '\n';
  return EXIT_SUCCESS;
}
