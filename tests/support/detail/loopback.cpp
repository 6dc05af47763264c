#include "support/detail/loopback.hpp"

#include "support/detail/descriptors.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace pqlease::testing {

UniqueFd bind_loopback(std::uint16_t port, PortSharing sharing) {
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket) throw_errno("cannot make a socket");
  int const shared = sharing == PortSharing::shared ? 1 : 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &shared, sizeof shared);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(*-reinterpret-cast): the sockets API
  if (::bind(socket.get(), reinterpret_cast<sockaddr const *>(&address), sizeof address) != 0) return {};
  return socket;
}

std::uint16_t bound_port(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE(*-reinterpret-cast): the sockets API
  if (::getsockname(socket, reinterpret_cast<sockaddr *>(&address), &size) != 0) throw_errno("cannot ask for a port");
  return ntohs(address.sin_port);
}

}  // namespace pqlease::testing
