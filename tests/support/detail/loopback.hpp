#pragma once

#include "support/detail/unique_fd.hpp"

#include <cstdint>

namespace pqlease::testing {

/// A TCP socket bound to a port of 127.0.0.1, zero for any that is free; empty when the port is taken.
[[nodiscard]] UniqueFd bind_loopback(std::uint16_t port);

/// The port that a socket is bound to.
[[nodiscard]] std::uint16_t bound_port(int socket);

}  // namespace pqlease::testing
