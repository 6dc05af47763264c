#include "support/test_server.hpp"

#include "support/detail/environment.hpp"
#include "support/detail/external_server.hpp"
#include "support/detail/local_server.hpp"
#include "support/detail/pooled_server.hpp"

#include <stdexcept>

namespace pqlease::testing {

namespace {

std::unique_ptr<TestServer> make_server() {
  if (auto const folder = environment_value("PQLEASE_TEST_SERVER")) return std::make_unique<LocalServer>(*folder);
  if (environment_names_a_server()) return std::make_unique<ExternalServer>();
  return std::make_unique<LocalServer>(std::make_unique<ThrowawayServer>());
}

PoolMode pool_mode_called(std::string const &name) {
  for (auto const mode : {PoolMode::session, PoolMode::transaction}) {
    if (name == to_string(mode)) return mode;
  }
  throw std::runtime_error{"PQLEASE_TEST_POOLER=" + name + ": session or transaction is meant"};
}

}  // namespace

std::unique_ptr<TestServer> make_test_server() {
  auto const pooling = environment_value("PQLEASE_TEST_POOLER");
  if (!pooling) return make_server();
  auto const mode = pool_mode_called(*pooling);
  return std::make_unique<PooledServer>(make_server(), mode);
}

TestServer &test_server() {
  static auto const server = make_test_server();
  return *server;
}

bool environment_names_a_server() {
  return environment_value("PGHOST") || environment_value("PGHOSTADDR") || environment_value("PGSERVICE");
}

}  // namespace pqlease::testing
