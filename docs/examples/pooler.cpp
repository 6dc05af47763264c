// A manager behind PgBouncer in transaction mode.

#include "support/test_server.hpp"
#include "support/throwaway_pooler.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

std::string ask(std::string const &conninfo) {
  //! [manager]
  pqlease::ManagedConnection manager{
      conninfo,  // such as "host=pooler.example port=6432 dbname=app"
      {.connect_timeout = std::chrono::seconds{5},
       .pooling = pqlease::Pooling::transaction,
       // The pooler lets everyone in, also when its server is down: better to know now.
       .on_open = [](pqxx::connection &connection) { pqxx::nontransaction{connection}.exec("SELECT 1"); }}};

  return manager.with_lease([](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("SET LOCAL statement_timeout = '30s'");  // LOCAL: the session is somebody else's afterwards
    auto timeout = transaction.query_value<std::string>("SHOW statement_timeout");
    transaction.commit();
    return timeout;
  });
  //! [manager]
}

}  // namespace

int main() {
  using namespace pqlease::testing;
  try {
    ThrowawayPooler const pooler{test_server(), {.mode = PoolMode::transaction}};
    auto const timeout = ask(pooler.conninfo());
    std::cout << "a time-out of " << timeout << ", for one transaction\n";
    return timeout == "30s" ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (NoServer const &missing) {
    std::cerr << "skipped: " << missing.what() << '\n';
    return 77;
  }
}
