#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <iostream>

int main() {
  //! [setup]
  pqlease::ManagedConnection manager{
      "dbname=postgres",
      {.session_parameters = {{"search_path", "app, public"}, {"statement_timeout", "30s"}},
       .on_open = [](pqxx::connection &connection) {
         pqxx::nontransaction{connection}.exec("CREATE TEMPORARY TABLE seen (id bigint PRIMARY KEY)");
       }}};
  manager.prepare("mark seen", "INSERT INTO seen VALUES ($1) ON CONFLICT DO NOTHING");

  auto lease = manager.lease();
  pqxx::nontransaction{*lease}.exec(pqxx::prepped{"mark seen"}, pqxx::params{42});
  //! [setup]
  auto const seen = pqxx::nontransaction{*lease}.query_value<int>("SELECT count(*) FROM seen WHERE id = 42");
  std::cout << seen << " seen\n";
  return seen == 1 ? 0 : 1;
}
