#include "session/wake_up.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace pqlease::detail {

WakeUp::WakeUp() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (descriptor_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
}

WakeUp::~WakeUp() { ::close(descriptor_); }

void WakeUp::ring() noexcept {
  if (rung_.exchange(true, std::memory_order_acq_rel)) return;
  ::eventfd_write(descriptor_, 1);  // it cannot fail: nothing else is ever added
}

bool WakeUp::wait(int socket, Deadline deadline) noexcept {
  std::array<pollfd, 2> watched{pollfd{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                pollfd{.fd = socket, .events = POLLIN, .revents = 0}};
  // An interruption is as good as the bell: who waits looks again.
  if (::poll(watched.data(), watched.size(), deadline.poll_timeout()) <= 0) return false;
  if (watched[0].revents != 0) {
    eventfd_t count = 0;
    ::eventfd_read(descriptor_, &count);
    // From here on a ring ends the next wait; what came with the rings so far is seen by who looks now.
    rung_.exchange(false, std::memory_order_acq_rel);
  }
  return watched[1].revents != 0;
}

}  // namespace pqlease::detail
