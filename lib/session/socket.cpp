#include "session/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>

namespace pqlease::detail {
namespace {

short poll_events(SocketEvent event) noexcept {
  switch (event) {
  case SocketEvent::readable:
    return POLLIN;
  case SocketEvent::writable:
    return POLLOUT;
  case SocketEvent::either:
    break;
  }
  return POLLIN | POLLOUT;
}

bool wait_for_any(std::span<pollfd> watched, Deadline deadline) noexcept {
  for (;;) {
    auto const ready = ::poll(watched.data(), watched.size(), deadline.poll_timeout());
    if (ready > 0) return true;
    // Any error but an interruption by a signal would come again: let libpq find it on the socket.
    if (ready < 0 && errno != EINTR) return true;
    if (deadline.passed()) return false;
  }
}

}  // namespace

bool wait_for_socket(int descriptor, SocketEvent event, Deadline deadline) noexcept {
  std::array watched{pollfd{.fd = descriptor, .events = poll_events(event), .revents = 0}};
  return wait_for_any(watched, deadline);
}

WaitEnd wait_for_socket(int descriptor, SocketEvent event, Deadline deadline, Interrupt const &interrupt) noexcept {
  std::array watched{pollfd{.fd = descriptor, .events = poll_events(event), .revents = 0},
                     pollfd{.fd = interrupt.descriptor(), .events = POLLIN, .revents = 0}};
  bool const ready = wait_for_any(watched, deadline);
  if (watched[1].revents != 0) return WaitEnd::interrupted;
  return ready ? WaitEnd::ready : WaitEnd::timed_out;
}

[[gnu::hot]] SocketLook look_at_socket(int descriptor) noexcept {
  char byte{};
  for (;;) {
    auto const count = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count > 0) return SocketLook::unread;
    if (count == 0) return SocketLook::ended;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return SocketLook::quiet;
    if (errno != EINTR) return SocketLook::ended;
  }
}

void cut_socket(int descriptor) noexcept { ::shutdown(descriptor, SHUT_RDWR); }

}  // namespace pqlease::detail
