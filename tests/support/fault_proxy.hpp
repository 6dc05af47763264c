#pragma once

#include "support/detail/descriptors.hpp"
#include "support/detail/proxy_link.hpp"
#include "support/detail/unique_fd.hpp"
#include "support/detail/upstream.hpp"
#include "support/test_server.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace pqlease::testing {

/// Stands between clients and a server, on a port of 127.0.0.1, and fails as networks do. It forwards at first. Cancel
/// requests go through it as well: they are connections like any other.
///
/// Thread safety: any thread. A change is made when the function that asks for it returns.
/// Lifetime: the destructor closes every connection.
class FaultProxy {
public:
  /// Throws: std::runtime_error when it cannot tell where the server is; std::system_error.
  explicit FaultProxy(TestServer const &server);
  /// To a server on another port of 127.0.0.1, of which no more is known.
  explicit FaultProxy(std::uint16_t server_port);
  FaultProxy(FaultProxy const &) = delete;
  FaultProxy &operator=(FaultProxy const &) = delete;
  ~FaultProxy();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// For libpq: the server's own, but by way of this proxy.
  [[nodiscard]] std::string conninfo() const;

  // What becomes of the traffic from now on; each of these ends the one before.

  void forward();                               ///< all is well
  void delay(std::chrono::milliseconds delay);  ///< every chunk arrives later, in both directions

  /// Accepts and reads, but neither forwards nor answers. The connections that are open now or made meanwhile stay like
  /// that for good; the server's end of them is closed when the client's is.
  void swallow();

  /// Accepts, but reads nothing, so that the senders' buffers fill up. Nothing is lost.
  void stall();

  /// Refuses new connections. Those that are open go on.
  void refuse();

  /// Cuts every connection.
  void cut(Ending ending);

  /// Cuts the connection that has bytes in this direction next, after it has forwarded so many of them.
  void cut_after(Direction direction, std::size_t bytes, Ending ending);

  /// Keeps back the cancel keys of connections that are made from now on, as some poolers do.
  void withhold_keys();

  [[nodiscard]] ProxyCounts counts() const;

  /// The counts with all that either side has received by now.
  [[nodiscard]] ProxyCounts settled_counts();

  /// Waits until the counts are as wanted; false when `timeout` ends first. `wanted` must not call the proxy.
  [[nodiscard]] bool wait_until(std::function<bool(ProxyCounts const &)> const &wanted,
                                std::chrono::milliseconds timeout = std::chrono::seconds{10}) const;

  /// Waits for more bytes from clients than in an earlier count.
  [[nodiscard]] bool wait_for_client_bytes(ProxyCounts const &before) const {
    return wait_until([&](ProxyCounts const &now) { return now.from_client > before.from_client; });
  }

private:
  using Clock = ProxyLane::Clock;
  enum class Traffic { forwarded, swallowed, stalled, refused };

  FaultProxy(Upstream upstream, std::string server_conninfo);
  void in_loop(std::function<void()> change);
  void set_traffic(Traffic traffic, std::chrono::milliseconds delay = {});

  // Only the proxy's own thread calls these.
  void loop();
  [[nodiscard]] std::vector<pollfd> wait_for_events() const;
  [[nodiscard]] int poll_timeout(Clock::time_point now) const;
  bool make_changes();
  void advance_links(std::vector<pollfd> const &events);
  void accept_clients();
  void publish_counts();

  Upstream const upstream_;
  std::string const server_conninfo_;
  UniqueFd const reserved_;  ///< keeps the port while nothing listens, from a client that would connect to itself, too
  std::uint16_t const port_;
  Pipe wake_;

  // Used by the proxy's own thread only.
  UniqueFd listener_{};
  Traffic traffic_{Traffic::forwarded};
  std::chrono::milliseconds delay_{0};
  std::optional<ProxyTrap> trap_{};
  bool withholds_keys_{false};
  std::vector<ProxyLink> links_{};
  ProxyCounts counted_{};
  bool ended_{false};

  mutable std::mutex mutex_{};  ///< guards changes_ and published_; no I/O under it
  mutable std::condition_variable counted_more_{};
  std::vector<std::packaged_task<void()>> changes_{};
  ProxyCounts published_{};

  std::thread thread_{};  ///< last: it uses all of the above
};

}  // namespace pqlease::testing
