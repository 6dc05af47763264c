#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <iostream>

int main() {
  pqlease::ManagedConnection manager{"dbname=postgres"};  // does not connect yet
  auto lease = manager.lease();                           // opens the session; it is this thread's until the lease ends
  pqxx::work transaction{*lease};
  std::cout << transaction.query_value<std::string>("SELECT 'one session, many threads'") << '\n';
  transaction.commit();
}
