#include "support/black_hole.hpp"

#include "support/detail/loopback.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace pqlease::testing {

namespace {

UniqueFd listen_on_a_free_port() {
  auto socket = bind_loopback(0);
  if (!socket || ::listen(socket.get(), SOMAXCONN) != 0) throw_errno("cannot listen on 127.0.0.1");
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);  // NOLINT(*-vararg): a client that has left must not block accept()
  return socket;
}

bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == ECONNABORTED; }

}  // namespace

BlackHole::BlackHole()
    : listener_{listen_on_a_free_port()},
      end_{make_pipe()},
      port_{bound_port(listener_.get())},
      thread_{[this] { accept_until_told_to_end(); }} {}

BlackHole::~BlackHole() {
  end_.write_end.reset();
  thread_.join();
}

std::size_t BlackHole::connections() const {
  std::scoped_lock const lock{mutex_};
  return accepted_.size();
}

bool BlackHole::wait_for_connection(std::size_t count, std::chrono::milliseconds timeout) {
  std::unique_lock lock{mutex_};
  return arrived_.wait_for(lock, timeout, [&] { return accepted_.size() >= count; });
}

void BlackHole::accept_until_told_to_end() {
  while (wait_for_client()) {
    UniqueFd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    // Without descriptors left the kernel's queue goes on swallowing clients.
    if (!connection && !is_passing(errno)) return;
    if (connection) swallow(std::move(connection));
  }
}

bool BlackHole::wait_for_client() const {
  std::array<pollfd, 2> waited{pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = end_.read_end.get(), .events = POLLIN, .revents = 0}};
  int const ready = ::poll(waited.data(), waited.size(), -1);
  return (ready >= 0 || errno == EINTR) && waited[1].revents == 0;
}

void BlackHole::swallow(UniqueFd connection) {
  {
    std::scoped_lock const lock{mutex_};
    accepted_.push_back(std::move(connection));
  }
  arrived_.notify_all();
}

}  // namespace pqlease::testing
