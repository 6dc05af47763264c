#include "support/fault_proxy.hpp"

#include "support/detail/loopback.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pqlease::testing {

namespace {

// Two sockets can share a port as long as both ask for it and at most one listens.
UniqueFd bind_shared(std::uint16_t port) {
  auto socket = bind_loopback(port, PortSharing::shared);
  if (!socket) throw_errno("cannot bind a port of 127.0.0.1");
  return socket;
}

UniqueFd listen_on(std::uint16_t port) {
  auto socket = bind_shared(port);
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);  // NOLINT(*-vararg): a client that has left must not block accept()
  if (::listen(socket.get(), SOMAXCONN) != 0) throw_errno("cannot listen on 127.0.0.1");
  return socket;
}

Pipe make_wake_pipe() {
  auto pipe = make_pipe();
  ::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK);   // NOLINT(*-vararg): POSIX
  ::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK);  // NOLINT(*-vararg): POSIX
  return pipe;
}

}  // namespace

FaultProxy::FaultProxy(TestServer const &server) : FaultProxy{Upstream{server}, server.conninfo()} {}

FaultProxy::FaultProxy(std::uint16_t server_port) : FaultProxy{Upstream{server_port}, {}} {}

FaultProxy::FaultProxy(Upstream upstream, std::string server_conninfo)
    : upstream_{upstream},
      server_conninfo_{std::move(server_conninfo)},
      reserved_{bind_shared(0)},
      port_{bound_port(reserved_.get())},
      wake_{make_wake_pipe()},
      listener_{listen_on(port_)} {
  thread_ = std::thread{[this] { loop(); }};
}

FaultProxy::~FaultProxy() {
  in_loop([this] { ended_ = true; });
  thread_.join();
}

// The last of several values counts; PGHOSTADDR would win over a host without an address.
// Without SSL: what is on the wire must be the protocol's messages, and libpq would answer a handshake that was cut off
// with another one without SSL.
std::string FaultProxy::conninfo() const {
  return server_conninfo_ + " host=127.0.0.1 hostaddr=127.0.0.1 port=" + std::to_string(port_) + " sslmode=disable";
}

void FaultProxy::forward() { set_traffic(Traffic::forwarded); }
void FaultProxy::delay(std::chrono::milliseconds delay) { set_traffic(Traffic::forwarded, delay); }
void FaultProxy::swallow() { set_traffic(Traffic::swallowed); }
void FaultProxy::stall() { set_traffic(Traffic::stalled); }
void FaultProxy::refuse() { set_traffic(Traffic::refused); }

void FaultProxy::set_traffic(Traffic traffic, std::chrono::milliseconds delay) {
  in_loop([this, traffic, delay] {
    traffic_ = traffic;
    delay_ = delay;
    if (traffic == Traffic::refused) {
      accept_clients();  // who has connected already is not refused
      listener_.reset();
    } else if (!listener_) {
      listener_ = listen_on(port_);
    }
    if (traffic == Traffic::swallowed) std::for_each(links_.begin(), links_.end(), [](auto &link) { link.lose(); });
  });
}

void FaultProxy::cut(Ending ending) {
  in_loop([this, ending] {
    if (listener_) accept_clients();
    for (auto &link : links_) link.cut(ending);
    counted_.cut += links_.size();
    links_.clear();
  });
}

void FaultProxy::cut_after(Direction direction, std::size_t bytes, Ending ending) {
  in_loop([this, direction, bytes, ending] { trap_ = ProxyTrap{direction, bytes, ending}; });
}

void FaultProxy::withhold_keys() {
  in_loop([this] { withholds_keys_ = true; });
}

ProxyCounts FaultProxy::counts() const {
  std::scoped_lock const lock{mutex_};
  return published_;
}

// What was sent in a turn of the loop is counted before a change can be made.
ProxyCounts FaultProxy::settled_counts() {
  in_loop([] {});
  return counts();
}

bool FaultProxy::wait_until(std::function<bool(ProxyCounts const &)> const &wanted,
                            std::chrono::milliseconds timeout) const {
  std::unique_lock lock{mutex_};
  return counted_more_.wait_for(lock, timeout, [&] { return wanted(published_); });
}

void FaultProxy::in_loop(std::function<void()> change) {
  std::packaged_task<void()> task{[this, change = std::move(change)] {
    change();
    publish_counts();
  }};
  auto made = task.get_future();
  {
    std::scoped_lock const lock{mutex_};
    changes_.push_back(std::move(task));
  }
  static_cast<void>(::write(wake_.write_end.get(), "", 1));  // a pipe that is full wakes the thread as well
  made.get();
}

void FaultProxy::loop() {
  while (!ended_) {
    auto const events = wait_for_events();
    if (make_changes()) continue;  // the events may be those of links that are gone
    advance_links(events);
    if (events[1].revents != 0) accept_clients();
    publish_counts();
  }
}

std::vector<pollfd> FaultProxy::wait_for_events() const {
  std::vector<pollfd> events{{.fd = wake_.read_end.get(), .events = POLLIN, .revents = 0},
                             {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
  auto const now = Clock::now();
  if (traffic_ != Traffic::stalled) {
    for (auto const &link : links_) {
      auto const watched = link.watched(now);
      events.insert(events.end(), watched.begin(), watched.end());
    }
  }
  // An error can only be an interruption, after which there are no events.
  ::poll(events.data(), events.size(), poll_timeout(now));
  return events;
}

int FaultProxy::poll_timeout(Clock::time_point now) const {
  if (traffic_ == Traffic::stalled) return -1;
  std::optional<Clock::time_point> first;
  for (auto const &link : links_) {
    auto const due = link.due();
    // What is due already waits for its socket.
    if (due && *due > now && (!first || *due < *first)) first = due;
  }
  return first ? static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(*first - now).count()) : -1;
}

bool FaultProxy::make_changes() {
  std::array<char, 64> bytes{};
  while (::read(wake_.read_end.get(), bytes.data(), bytes.size()) > 0) {}
  std::vector<std::packaged_task<void()>> changes;
  {
    std::scoped_lock const lock{mutex_};
    changes.swap(changes_);
  }
  for (auto &change : changes) change();
  return !changes.empty();
}

void FaultProxy::advance_links(std::vector<pollfd> const &events) {
  ProxyTurn turn{.now = Clock::now(), .delay = delay_, .trap = trap_, .counts = counted_};
  std::size_t position = 2;
  for (auto &link : links_) {
    if (position == events.size()) return;  // stalled
    link.advance({events[position], events[position + 1]}, turn);
    position += 2;
  }
  std::erase_if(links_, [](auto const &link) { return link.is_over(); });
}

void FaultProxy::accept_clients() {
  while (true) {
    UniqueFd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!client) return;
    int const on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++counted_.accepted;
    bool const swallowed = traffic_ == Traffic::swallowed;
    auto server = swallowed ? UniqueFd{} : upstream_.connect();
    if (!server && !swallowed) {
      close_socket(std::move(client), Ending::reset);
      continue;
    }
    links_.emplace_back(std::move(client), std::move(server));
    if (swallowed) links_.back().lose();
    if (withholds_keys_) links_.back().withhold_key();
  }
}

void FaultProxy::publish_counts() {
  counted_.open = links_.size();
  {
    std::scoped_lock const lock{mutex_};
    published_ = counted_;
  }
  counted_more_.notify_all();
}

}  // namespace pqlease::testing
