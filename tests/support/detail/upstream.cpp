#include "support/detail/upstream.hpp"

#include "support/detail/environment.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace pqlease::testing {

Upstream::Upstream(std::uint16_t port) noexcept : size_{sizeof(sockaddr_in)} {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::memcpy(&address_, &address, sizeof address);
}

Upstream::Upstream(TestServer const &server)
    : Upstream{server.loopback_port() ? Upstream{*server.loopback_port()} : from_environment()} {}

UniqueFd Upstream::connect() const noexcept {
  UniqueFd socket{::socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return {};
  // NOLINTNEXTLINE(*-reinterpret-cast): the sockets API
  auto const result = ::connect(socket.get(), reinterpret_cast<sockaddr const *>(&address_), size_);
  if (result != 0 && errno != EINPROGRESS) return {};
  int const on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // without effect on a Unix socket
  return socket;
}

Upstream Upstream::from_environment() {
  auto const host = environment_value("PGHOSTADDR").value_or(environment_value("PGHOST").value_or(""));
  auto const port = environment_value("PGPORT").value_or("5432");
  if (host.empty()) throw std::runtime_error{"neither PGHOSTADDR nor PGHOST says where the server is"};
  return host.front() == '/' ? unix_socket(host + "/.s.PGSQL." + port) : resolved(host, port);
}

Upstream Upstream::unix_socket(std::string const &path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error{path + ": too long for a Unix socket"};
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  Upstream result;
  std::memcpy(&result.address_, &address, sizeof address);
  result.size_ = sizeof address;
  return result;
}

Upstream Upstream::resolved(std::string const &host, std::string const &port) {
  addrinfo const wanted{.ai_flags = 0,
                        .ai_family = AF_UNSPEC,
                        .ai_socktype = SOCK_STREAM,
                        .ai_protocol = 0,
                        .ai_addrlen = 0,
                        .ai_addr = nullptr,
                        .ai_canonname = nullptr,
                        .ai_next = nullptr};
  addrinfo *found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) {
    throw std::runtime_error{"cannot find the server " + host + " on port " + port};
  }
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owner{found, &::freeaddrinfo};
  Upstream result;
  std::memcpy(&result.address_, found->ai_addr, found->ai_addrlen);
  result.size_ = found->ai_addrlen;
  return result;
}

}  // namespace pqlease::testing
