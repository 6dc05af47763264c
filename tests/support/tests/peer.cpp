#include "peer.hpp"

#include "support/detail/descriptors.hpp"
#include "support/detail/loopback.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace pqlease::testing {

namespace {

void limit_waiting(UniqueFd const &socket) {
  timeval const patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

}  // namespace

Peer::Peer(UniqueFd socket) : socket_{std::move(socket)} { limit_waiting(socket_); }

Peer Peer::connected_to(std::uint16_t port) {
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(*-reinterpret-cast): the sockets API
  if (::connect(socket.get(), reinterpret_cast<sockaddr const *>(&address), sizeof address) != 0) {
    throw_errno("cannot connect");
  }
  return Peer{std::move(socket)};
}

void Peer::send(std::string_view bytes) const {
  auto const sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) throw_errno("cannot send");
}

std::size_t Peer::fill() const {
  std::string const block(std::size_t{64} * 1024, 'x');
  std::size_t total = 0;
  while (true) {
    auto const sent = ::send(socket_.get(), block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return total;
    total += static_cast<std::size_t>(sent);
  }
}

std::string Peer::receive(std::size_t count) const {
  std::string result(count, '\0');
  auto const received = ::recv(socket_.get(), result.data(), count, MSG_WAITALL);
  result.resize(received > 0 ? static_cast<std::size_t>(received) : 0);
  return result;
}

bool Peer::hears_nothing() const {
  char byte{};
  return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

Ending Peer::wait_for_end() const {
  std::array<char, 4096> buffer{};
  while (true) {
    auto const count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count == 0) return Ending::finish;
    if (count < 0 && errno == ECONNRESET) return Ending::reset;
    if (count < 0 && errno != EINTR) throw std::runtime_error{"the connection does not end"};
  }
}

PeerServer::PeerServer() : listener_{bind_loopback(0)}, port_{bound_port(listener_.get())} {
  limit_waiting(listener_);
  if (::listen(listener_.get(), SOMAXCONN) != 0) throw_errno("cannot listen on 127.0.0.1");
}

Peer PeerServer::accept() const {
  UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  if (!client) throw std::runtime_error{"no client comes"};
  return Peer{std::move(client)};
}

}  // namespace pqlease::testing
