#include "support/test_server.hpp"

#include "support/detail/environment.hpp"
#include "support/detail/external_server.hpp"
#include "support/detail/local_server.hpp"

namespace pqlease::testing {

std::unique_ptr<TestServer> make_test_server() {
  if (auto const folder = environment_value("PQLEASE_TEST_SERVER")) return std::make_unique<LocalServer>(*folder);
  if (environment_names_a_server()) return std::make_unique<ExternalServer>();
  return std::make_unique<LocalServer>(std::make_unique<ThrowawayServer>());
}

TestServer &test_server() {
  static auto const server = make_test_server();
  return *server;
}

bool environment_names_a_server() {
  return environment_value("PGHOST") || environment_value("PGHOSTADDR") || environment_value("PGSERVICE");
}

}  // namespace pqlease::testing
