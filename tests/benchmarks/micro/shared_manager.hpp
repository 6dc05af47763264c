#pragma once

#include <pqlease/managed_connection.hpp>

namespace pqlease::benchmarks {

/// A manager on the test server, with its session open. One for the whole program, used by one thread.
[[nodiscard]] ManagedConnection &shared_manager();

}  // namespace pqlease::benchmarks
