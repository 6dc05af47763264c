#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <iostream>
#include <stop_token>
#include <thread>

namespace {

//! [cancel_on_stop]
void refresh(pqlease::ManagedConnection &manager, std::stop_token const &stop) {
  auto lease = manager.lease(stop);
  std::stop_callback const on_stop{stop, lease.canceller()};
  while (!stop.stop_requested()) {
    pqxx::work transaction{*lease};
    transaction.exec("SELECT pg_sleep(3600)");  // fails with SQLSTATE 57014 when the stop is requested
    transaction.commit();
  }
}
//! [cancel_on_stop]

bool ends_with_a_cancelled_statement(pqlease::ManagedConnection &manager, std::stop_token const &stop) {
  try {
    refresh(manager, stop);
    return true;  // stopped between two statements
  } catch (pqlease::LeaseCancelled const &) {
    return true;
  } catch (pqxx::sql_error const &error) {
    std::cout << error.what() << '\n';
    return error.sqlstate() == "57014";
  }
}

}  // namespace

int main() {
  pqlease::ManagedConnection manager{"dbname=postgres"};
  bool ended = false;
  std::jthread worker{[&](std::stop_token const &stop) { ended = ends_with_a_cancelled_statement(manager, stop); }};
  pqxx::connection other{"dbname=postgres"};
  pqxx::nontransaction look{other};
  while (look.query_value<int>("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0) {}
  worker.request_stop();
  worker.join();
  return ended ? 0 : 1;
}
