#pragma once

#include "support/detail/proxy_lane.hpp"
#include "support/detail/unique_fd.hpp"

#include <poll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace pqlease::testing {

/// The way that bytes go through a proxy.
enum class Direction {
  to_server,
  to_client,
};

/// What a proxy has counted since it was made.
struct ProxyCounts {
  std::size_t accepted{};       ///< connections taken
  std::size_t open{};           ///< of these, connections that have not ended
  std::size_t cut{};            ///< of these, connections that the proxy was told to cut
  std::uint64_t from_client{};  ///< bytes that clients have sent, forwarded or not
  std::uint64_t from_server{};  ///< bytes that the server has sent, forwarded or not
  std::uint64_t to_client{};    ///< bytes forwarded to clients
  std::uint64_t to_server{};    ///< bytes forwarded to the server
};

/// A cut in the middle of a message: of whichever connection has bytes in this direction first.
struct ProxyTrap {
  Direction direction;
  std::size_t bytes;  ///< let through before
  Ending ending;
};

/// What one turn of a proxy's loop hands to every link.
struct ProxyTurn {
  ProxyLane::Clock::time_point now;
  std::chrono::milliseconds delay;
  std::optional<ProxyTrap> &trap;
  ProxyCounts &counts;
};

/// One proxied connection: a client's socket, the socket to the server, and the bytes between them. Never blocks.
class ProxyLink {
public:
  using Watched = std::array<pollfd, 2>;

  ProxyLink(UniqueFd client, UniqueFd server) noexcept;

  /// What poll() is to wait for.
  [[nodiscard]] Watched watched(ProxyLane::Clock::time_point now) const noexcept;

  /// When bytes that are held back are to be sent.
  [[nodiscard]] std::optional<ProxyLane::Clock::time_point> due() const noexcept;

  void advance(Watched const &ready, ProxyTurn &turn);

  /// From now on every byte is swallowed, and so is the server's FIN. For good: the stream has a hole.
  void lose() noexcept;

  /// The client gets no cancel key.
  void withhold_key() noexcept { to_client_.withhold_key(); }

  void cut(Ending ending) noexcept;

  [[nodiscard]] bool is_over() const noexcept { return !client_; }

private:
  void forward(Watched const &ready, ProxyTurn &turn);
  void swallow(Watched const &ready, ProxyTurn &turn);
  void end_if_over(ProxyTurn &turn) noexcept;

  UniqueFd client_;
  UniqueFd server_;
  ProxyLane to_server_{};
  ProxyLane to_client_{};
  bool lost_{false};
};

/// Closes a socket of a connection so that its peer sees this ending.
void close_socket(UniqueFd socket, Ending ending) noexcept;

}  // namespace pqlease::testing
