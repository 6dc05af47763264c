#pragma once

#include <pqlease/pqlease.hpp>

#include <chrono>

namespace pqlease::testing {

/// A lease in a test whose connect_timeout is short: on a busy machine a server that is well may miss it, too.
[[nodiscard]] inline Lease lease_at_last(ManagedConnection &manager) {
  auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  for (;;) {
    try {
      return manager.lease();
    } catch (ConnectionDown const &) {
      if (std::chrono::steady_clock::now() > end) throw;
    }
  }
}

}  // namespace pqlease::testing
