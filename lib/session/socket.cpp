#include "session/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

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

}  // namespace

bool wait_for_socket(int descriptor, SocketEvent event, Deadline deadline) noexcept {
  pollfd watched{.fd = descriptor, .events = poll_events(event), .revents = 0};
  for (;;) {
    auto const ready = ::poll(&watched, 1, deadline.poll_timeout());
    if (ready > 0) return true;
    // Any error but an interruption would come again: let libpq find it on the socket.
    if (ready < 0 && errno != EINTR) return true;
    if (deadline.passed()) return false;
  }
}

SocketLook look_at_socket(int descriptor) noexcept {
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
