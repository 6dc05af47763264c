#pragma once

#include "support/detail/unique_fd.hpp"
#include "support/test_server.hpp"

#include <sys/socket.h>

#include <cstdint>

namespace pqlease::testing {

/// Where a server listens: a TCP port, or a Unix socket.
class Upstream {
public:
  /// A port of 127.0.0.1.
  explicit Upstream(std::uint16_t port) noexcept;

  /// A server that is not on a known port of 127.0.0.1 is found by PGHOSTADDR, PGHOST and PGPORT, as libpq does.
  /// Throws: std::runtime_error when they do not lead to one.
  explicit Upstream(TestServer const &server);

  /// Starts to connect; empty when the server refuses. Does not block: an attempt under way may still fail.
  [[nodiscard]] UniqueFd connect() const noexcept;

private:
  Upstream() = default;
  [[nodiscard]] static Upstream from_environment();
  [[nodiscard]] static Upstream unix_socket(std::string const &path);
  [[nodiscard]] static Upstream resolved(std::string const &host, std::string const &port);

  sockaddr_storage address_{};
  socklen_t size_{0};
};

}  // namespace pqlease::testing
