#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <array>
#include <iostream>

namespace {

//! [metrics_page]
// What a handler of GET /metrics answers, with Content-Type: text/plain; version=0.0.4; charset=utf-8
std::string metrics_page(pqlease::ManagedConnection const &orders, pqlease::ManagedConnection const &audit) {
  std::array const managers{pqlease::NamedStatistics{"orders", orders.statistics()},
                            pqlease::NamedStatistics{"audit", audit.statistics()}};
  return pqlease::to_prometheus(managers);
}
//! [metrics_page]

void use(pqlease::ManagedConnection &manager) {
  manager.with_lease([](pqxx::connection &connection) { pqxx::nontransaction{connection}.exec("SELECT 1"); });
}

// Whether the program should do less; `before` is what the manager had counted a minute ago.
bool is_overloaded(pqlease::ManagedConnection const &manager, pqlease::Statistics const &before) {
  //! [last_minute]
  auto const last_minute = manager.statistics() - before;
  std::cout << last_minute << '\n';
  return last_minute.wait.quantile(0.99) > std::chrono::milliseconds{100};
  //! [last_minute]
}

}  // namespace

int main() {
  pqlease::ManagedConnection orders{"dbname=postgres"};
  pqlease::ManagedConnection const audit{"dbname=postgres"};
  use(orders);
  auto const before = orders.statistics();
  use(orders);
  bool const overloaded = is_overloaded(orders, before);
  auto const page = metrics_page(orders, audit);
  std::cout << page;
  bool const complete = page.find("pqlease_leases_granted_total{manager=\"orders\"} 2\n") != std::string::npos &&
                        page.find("pqlease_leases_granted_total{manager=\"audit\"} 0\n") != std::string::npos;
  return complete && !overloaded ? 0 : 1;
}
