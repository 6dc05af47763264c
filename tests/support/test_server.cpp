#include "support/test_server.hpp"

#include "support/detail/environment.hpp"
#include "support/detail/external_server.hpp"
#include "support/detail/local_server.hpp"
#include "support/detail/pooled_server.hpp"

#include <stdexcept>
#include <utility>

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
  auto server = make_server();
  auto const pooling = environment_value("PQLEASE_TEST_POOLER");
  if (!pooling) return server;
  return std::make_unique<PooledServer>(std::move(server), pool_mode_called(*pooling));
}

TestServer &test_server() {
  static auto const server = make_test_server();
  return *server;
}

bool environment_names_a_server() {
  return environment_value("PGHOST") || environment_value("PGHOSTADDR") || environment_value("PGSERVICE");
}

}  // namespace pqlease::testing
