#include "support/detail/proxy_link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace pqlease::testing {

namespace {

bool can_receive(pollfd const &ready) noexcept { return (ready.revents & (POLLIN | POLLHUP | POLLERR)) != 0; }
bool can_send(pollfd const &ready) noexcept { return (ready.revents & (POLLOUT | POLLHUP | POLLERR)) != 0; }

/// A socket of which nothing is wanted is left out: poll() would tell of its end again and again.
pollfd watch(UniqueFd const &socket, bool receive, bool send) noexcept {
  auto const events = static_cast<short>((receive ? POLLIN : 0) | (send ? POLLOUT : 0));
  return {.fd = events == 0 ? -1 : socket.get(), .events = events, .revents = 0};
}

/// A socket that is closed with unread bytes sends an RST instead of a FIN.
void read_all(UniqueFd const &socket) noexcept {
  std::array<char, 4096> buffer{};
  while (::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {}
}

}  // namespace

void close_socket(UniqueFd socket, Ending ending) noexcept {
  if (!socket) return;
  if (ending == Ending::finish) return read_all(socket);
  linger const none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

ProxyLink::ProxyLink(UniqueFd client, UniqueFd server) noexcept
    : client_{std::move(client)}, server_{std::move(server)} {}

ProxyLink::Watched ProxyLink::watched(ProxyLane::Clock::time_point now) const noexcept {
  if (lost_) return {watch(client_, true, false), watch(server_, static_cast<bool>(server_), false)};
  return {watch(client_, to_server_.wants_to_receive(), to_client_.wants_to_send(now)),
          watch(server_, to_client_.wants_to_receive(), to_server_.wants_to_send(now))};
}

std::optional<ProxyLane::Clock::time_point> ProxyLink::due() const noexcept {
  auto const one = to_server_.due();
  auto const other = to_client_.due();
  if (lost_) return std::nullopt;
  return one && other ? std::min(one, other) : std::max(one, other);
}

void ProxyLink::advance(Watched const &ready, ProxyTurn &turn) { lost_ ? swallow(ready, turn) : forward(ready, turn); }

void ProxyLink::forward(Watched const &ready, ProxyTurn &turn) {
  auto const receive = [&](ProxyLane &lane, Direction direction, pollfd const &source) -> std::size_t {
    if (!can_receive(source) || !lane.wants_to_receive()) return 0;
    if (turn.trap && turn.trap->direction == direction) {
      lane.end_after(turn.trap->bytes, turn.trap->ending);
      turn.trap.reset();
    }
    return lane.receive(source.fd, turn.now + turn.delay);
  };
  auto const &[client, server] = ready;
  turn.counts.from_client += receive(to_server_, Direction::to_server, client);
  turn.counts.from_server += receive(to_client_, Direction::to_client, server);
  // What has just arrived is sent without another turn: most sockets can take it.
  if (can_send(server) || can_receive(client)) turn.counts.to_server += to_server_.send(server_.get(), turn.now);
  if (can_send(client) || can_receive(server)) turn.counts.to_client += to_client_.send(client_.get(), turn.now);
  end_if_over(turn);
}

void ProxyLink::swallow(Watched const &ready, ProxyTurn &turn) {
  auto const &[client, server] = ready;
  if (can_receive(server)) turn.counts.from_server += to_client_.swallow(server_.get());
  if (to_client_.over()) server_.reset();
  if (can_receive(client)) turn.counts.from_client += to_server_.swallow(client_.get());
  if (to_server_.over()) cut(*to_server_.over());
}

void ProxyLink::lose() noexcept {
  lost_ = true;
  to_server_ = {};
  to_client_ = {};
}

void ProxyLink::end_if_over(ProxyTurn &turn) noexcept {
  auto const ending = to_server_.over() ? to_server_.over() : to_client_.over();
  if (!ending) return;
  if (to_server_.is_cut() || to_client_.is_cut()) ++turn.counts.cut;
  cut(*ending);
}

void ProxyLink::cut(Ending ending) noexcept {
  close_socket(std::exchange(client_, {}), ending);
  close_socket(std::exchange(server_, {}), ending);
}

}  // namespace pqlease::testing
