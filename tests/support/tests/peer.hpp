#pragma once

#include "support/detail/proxy_link.hpp"
#include "support/detail/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pqlease::testing {

/// One end of a TCP connection, for tests of what stands in the middle. Waits ten seconds at most.
class Peer {
public:
  explicit Peer(UniqueFd socket);

  /// Connects to a port of 127.0.0.1. Throws: std::system_error when it is refused.
  [[nodiscard]] static Peer connected_to(std::uint16_t port);

  void send(std::string_view bytes) const;

  /// Sends until nobody takes any more. Returns how much that was.
  [[nodiscard]] std::size_t fill() const;

  /// Receives exactly so many bytes; fewer at the end of the connection, or when no more come in time.
  [[nodiscard]] std::string receive(std::size_t count) const;

  /// Whether there is nothing to receive at the moment.
  [[nodiscard]] bool hears_nothing() const;

  /// How the connection ends once what is on its way was received.
  /// Throws: std::runtime_error when it does not end.
  [[nodiscard]] Ending wait_for_end() const;

  void close(Ending ending) { close_socket(std::move(socket_), ending); }

private:
  UniqueFd socket_;
};

/// A server that does what the test makes it do.
class PeerServer {
public:
  PeerServer();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// The next client. Waits ten seconds at most. Throws: std::runtime_error when none comes.
  [[nodiscard]] Peer accept() const;

  /// From now on clients are refused.
  void close() noexcept { listener_.reset(); }

private:
  UniqueFd listener_;
  std::uint16_t port_;
};

}  // namespace pqlease::testing
