#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

std::string environment(char const *name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  auto const *const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main() {
  // A host that is down, and then the one that the environment names.
  auto const hosts = "host=/nonexistent," + environment("PGHOST") + " dbname=postgres";
  //! [manager]
  pqlease::ManagedConnection manager{
      hosts, {.connect_timeout = std::chrono::seconds{6}, .require = pqlease::Require::writable}};
  //! [manager]
  auto lease = manager.lease();
  auto const read_only = pqxx::nontransaction{*lease}.query_value<std::string>("SHOW transaction_read_only");
  std::cout << "epoch " << lease.epoch() << ", read-only: " << read_only << '\n';
  return read_only == "off" ? 0 : 1;
}
