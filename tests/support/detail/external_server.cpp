#include "support/detail/external_server.hpp"

#include "support/detail/environment.hpp"
#include "support/psql.hpp"

#include <charconv>
#include <stdexcept>

namespace pqlease::testing {

namespace {

[[noreturn]] void refuse() {
  throw std::logic_error{"a server named by the environment is not ours to stop: ask can_restart() first"};
}

}  // namespace

std::string ExternalServer::conninfo() const {
  bool const names_a_database = environment_value("PGDATABASE") || environment_value("PGSERVICE");
  return names_a_database ? "" : "dbname=postgres";
}

std::optional<std::uint16_t> ExternalServer::loopback_port() const {
  auto const address = environment_value("PGHOSTADDR").value_or(environment_value("PGHOST").value_or(""));
  if (address != "127.0.0.1" && address != "localhost") return std::nullopt;
  auto const text = environment_value("PGPORT").value_or("5432");
  std::uint16_t port{};
  auto const result = std::from_chars(text.data(), text.data() + text.size(), port);
  if (result.ec != std::errc{}) return std::nullopt;
  return port;
}

void ExternalServer::start() { refuse(); }
void ExternalServer::stop(StopMode /*mode*/) { refuse(); }
void ExternalServer::restart(StopMode /*mode*/) { refuse(); }

void ExternalServer::kill_backend(int pid) { terminate_backend(conninfo(), pid, Inherited::everything); }

std::string ExternalServer::describe() const {
  return "PostgreSQL " + psql(conninfo(), "SHOW server_version", Inherited::everything) + ", named by the environment";
}

}  // namespace pqlease::testing
