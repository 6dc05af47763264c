#pragma once

#include "detail/deadline.hpp"
#include "session/interrupt.hpp"

namespace pqlease::detail {

/// What a socket can be waited for.
enum class SocketEvent {
  readable,
  writable,
  either,
};

/// Waits until the socket is ready or has failed. Blocking: until `deadline`; then returns false.
[[nodiscard]] bool wait_for_socket(int descriptor, SocketEvent event, Deadline deadline) noexcept;

/// How a wait ended that could be interrupted.
enum class WaitEnd {
  ready,
  timed_out,
  interrupted,  ///< whatever became of the socket
};

/// The same, until `interrupt` is triggered.
[[nodiscard]] WaitEnd wait_for_socket(int descriptor, SocketEvent event, Deadline deadline,
                                      Interrupt const &interrupt) noexcept;

/// What one look at a socket shows.
enum class SocketLook {
  quiet,   ///< nothing to read
  unread,  ///< bytes that nobody asked for: a notification, a notice, a farewell
  ended,   ///< the peer has closed, or the socket has failed
};

/// Looks without waiting and without reading: one system call.
[[nodiscard]] SocketLook look_at_socket(int descriptor) noexcept;

/// Ends the traffic both ways, so that nothing that libpq does on this socket can wait any more.
void cut_socket(int descriptor) noexcept;

}  // namespace pqlease::detail
