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

/// A server that hangs: it listens on a free port of 127.0.0.1, accepts every connection, and never says a word.
///
/// Thread safety: any thread.
/// Lifetime: the destructor closes every connection, and waits for nobody.
class BlackHole {
public:
  BlackHole();
  BlackHole(BlackHole const &) = delete;
  BlackHole &operator=(BlackHole const &) = delete;
  ~BlackHole();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::size_t connections() const;  ///< accepted so far

  /// Waits until that many connections were accepted, all in all; false when `timeout` ends first.
  [[nodiscard]] bool wait_for_connection(std::size_t count = 1,
                                         std::chrono::milliseconds timeout = std::chrono::seconds{10});

private:
  void accept_until_told_to_end();
  [[nodiscard]] bool wait_for_client() const;
  void swallow(UniqueFd connection);

  UniqueFd listener_;
  Pipe end_;  ///< closing the write end tells the thread to end
  std::uint16_t port_;
  mutable std::mutex mutex_{};  ///< guards accepted_; no I/O under it
  std::condition_variable arrived_{};
  std::vector<UniqueFd> accepted_{};
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace pqlease::testing
