#pragma once

#include "support/detail/unique_fd.hpp"

#include <cstdint>

namespace pqlease::testing {

/// Whether other sockets may be bound to the same port, if they allow it, too, and only one of them listens.
enum class PortSharing {
  exclusive,
  shared,
};

/// A TCP socket bound to a port of 127.0.0.1, zero for any that is free; empty when the port is taken.
[[nodiscard]] UniqueFd bind_loopback(std::uint16_t port, PortSharing sharing = PortSharing::exclusive);

/// The port that a socket is bound to.
[[nodiscard]] std::uint16_t bound_port(int socket);

}  // namespace pqlease::testing
