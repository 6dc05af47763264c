#pragma once

#include "detail/deadline.hpp"

#include <atomic>

namespace pqlease::detail {

/// A bell for one thread that waits, maybe for a socket as well.
///
/// Thread safety: ring() from any thread; wait() by one.
class WakeUp {
public:
  /// Throws: std::system_error when there is no descriptor left.
  WakeUp();
  ~WakeUp();
  WakeUp(WakeUp const &) = delete;
  WakeUp &operator=(WakeUp const &) = delete;

  /// Ends the wait, or the next one. A system call, unless it has been rung already.
  void ring() noexcept;

  /// Waits for the bell, and for `socket` to become readable or to fail unless it is -1. The socket may be closed
  /// meanwhile, or be another one, if only the bell is rung then.
  /// Blocking: until `deadline`. Returns: whether it is the socket.
  [[nodiscard]] bool wait(int socket, Deadline deadline) noexcept;

private:
  int const descriptor_;
  std::atomic<bool> rung_{false};
};

}  // namespace pqlease::detail
