#include "micro/shared_manager.hpp"

#include "support/test_server.hpp"

#include <chrono>

namespace pqlease::benchmarks {

ManagedConnection &shared_manager() {
  // No probes, which would mix a round trip into what takes less than a microsecond.
  static ManagedConnection manager{testing::test_server().conninfo(), {.idle_probe_after = std::chrono::hours{1}}};
  auto lease = manager.lease();
  return manager;
}

}  // namespace pqlease::benchmarks
