#include "support/cancel_relay.hpp"

#include "support/detail/loopback.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace pqlease::testing {

namespace {

// The first eight bytes of a cancel request: its length, and a code that is no protocol version. Source: PostgreSQL,
// chapter "Message Formats", CancelRequest.
constexpr std::array<unsigned char, 8> cancel_request{0, 0, 0, 16, 4, 210, 22, 46};

UniqueFd listen_on_a_free_port() {
  auto socket = bind_loopback(0);
  if (!socket || ::listen(socket.get(), SOMAXCONN) != 0) throw_errno("cannot listen on 127.0.0.1");
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);  // NOLINT(*-vararg): a client that has left must not block accept()
  return socket;
}

UniqueFd connect_to_loopback(std::uint16_t port) {
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(*-reinterpret-cast): the sockets API
  if (::connect(socket.get(), reinterpret_cast<sockaddr const *>(&address), sizeof address) != 0) return {};
  return socket;
}

bool has_something(int descriptor) {
  pollfd waited{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, 0) > 0;
}

// Passes on what there is; false at the end.
bool pass_on(int from, int to) {
  if (!has_something(from)) return true;
  std::array<char, 16384> buffer{};
  auto const count = ::recv(from, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  return ::send(to, buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
}

}  // namespace

CancelRelay::CancelRelay(std::uint16_t server_port)
    : server_port_{server_port},
      listener_{listen_on_a_free_port()},
      port_{bound_port(listener_.get())},
      thread_{[this] { serve(); }} {}

CancelRelay::~CancelRelay() {
  wake_.write_end.reset();
  thread_.join();
}

void CancelRelay::hold() {
  std::scoped_lock const lock{mutex_};
  holding_ = true;
}

void CancelRelay::let_go() {
  {
    std::scoped_lock const lock{mutex_};
    holding_ = false;
  }
  wake();
}

void CancelRelay::refuse_clients() {
  std::unique_lock lock{mutex_};
  refusing_ = true;
  wake();
  held_changed_.wait(lock, [&] { return !refusing_; });
}

bool CancelRelay::wait_for_held(std::size_t count, std::chrono::milliseconds timeout) {
  std::unique_lock lock{mutex_};
  return held_changed_.wait_for(lock, timeout, [&] { return held_ >= count; });
}

void CancelRelay::wake() const {
  if (::write(wake_.write_end.get(), "", 1) != 1) throw_errno("cannot wake the relay");
}

void CancelRelay::serve() {
  while (wait_for_traffic()) {
    obey();
    if (listener_ && has_something(listener_.get())) accept_client();
    std::erase_if(links_, [this](Link &link) { return !pump(link); });
  }
}

bool CancelRelay::wait_for_traffic() {
  std::vector<pollfd> waited{{.fd = wake_.read_end.get(), .events = POLLIN, .revents = 0},
                             {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
  for (auto const &link : links_) {
    if (link.held) continue;
    waited.push_back({.fd = link.client.get(), .events = POLLIN, .revents = 0});
    waited.push_back({.fd = link.server.get(), .events = POLLIN, .revents = 0});
  }
  while (::poll(waited.data(), waited.size(), -1) < 0) {
    if (errno != EINTR) return false;
  }
  char byte{};
  return waited[0].revents == 0 || ::read(wake_.read_end.get(), &byte, 1) == 1;
}

void CancelRelay::obey() {
  std::scoped_lock const lock{mutex_};
  if (!holding_) {
    for (auto &link : links_) link.held = false;
    held_ = 0;
  }
  if (std::exchange(refusing_, false)) listener_.reset();
  held_changed_.notify_all();
}

void CancelRelay::accept_client() {
  UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (!client) return;
  auto server = connect_to_loopback(server_port_);
  if (server) links_.push_back({.client = std::move(client), .server = std::move(server)});
}

void CancelRelay::recognise(Link &link) {
  std::array<unsigned char, cancel_request.size()> start{};
  auto const count = ::recv(link.client.get(), start.data(), start.size(), MSG_PEEK | MSG_DONTWAIT);
  if (count < static_cast<ssize_t>(start.size())) return;
  link.recognised = true;
  std::scoped_lock const lock{mutex_};
  link.held = holding_ && start == cancel_request;
  if (!link.held) return;
  ++held_;
  held_changed_.notify_all();
}

bool CancelRelay::pump(Link &link) {
  if (!link.recognised) recognise(link);
  if (link.held) return true;
  return pass_on(link.client.get(), link.server.get()) && pass_on(link.server.get(), link.client.get());
}

}  // namespace pqlease::testing
