#pragma once

#include "support/detail/descriptors.hpp"
#include "support/detail/unique_fd.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace pqlease::testing {

/// Stands on a port of 127.0.0.1 between clients and a server, and can hold cancel requests up. Clients must not ask
/// for SSL (sslmode=disable): a request could not be told from a session.
///
/// Thread safety: any thread.
/// Lifetime: the destructor cuts every connection, and waits for nobody.
class CancelRelay {
public:
  explicit CancelRelay(std::uint16_t server_port);
  CancelRelay(CancelRelay const &) = delete;
  CancelRelay &operator=(CancelRelay const &) = delete;
  ~CancelRelay();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  void hold();            ///< cancel requests that arrive from now on go no further
  void let_go();          ///< those that were held do, and so do later ones
  void refuse_clients();  ///< nobody can connect any more; what is connected stays

  /// Waits until that many requests are held; false when `timeout` ends first.
  [[nodiscard]] bool wait_for_held(std::size_t count = 1, std::chrono::milliseconds timeout = std::chrono::seconds{10});

private:
  struct Link {
    UniqueFd client;
    UniqueFd server;
    bool recognised{false};  ///< it is known whether this is a cancel request
    bool held{false};
  };

  void wake() const;
  void serve();
  [[nodiscard]] bool wait_for_traffic();
  void obey();
  void accept_client();
  void recognise(Link &link);
  [[nodiscard]] bool pump(Link &link);

  std::uint16_t server_port_;
  UniqueFd listener_;
  Pipe wake_{make_pipe()};  ///< closing the write end tells the thread to end
  std::uint16_t port_;

  std::mutex mutex_{};  ///< guards the three below; no I/O under it
  bool holding_{false};
  bool refusing_{false};
  std::size_t held_{0};
  std::condition_variable held_changed_{};

  std::vector<Link> links_{};  ///< the thread's own
  std::thread thread_;         ///< last: it uses all of the above
};

}  // namespace pqlease::testing
