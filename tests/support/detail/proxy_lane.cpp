#include "support/detail/proxy_lane.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace pqlease::testing {

namespace {

// Its tag and its length; a process id and a key follow.
constexpr std::string_view key_head{"K\0\0\0\14", 5};
constexpr std::size_t key_size = 13;

bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

std::size_t ProxyLane::receive(int source, Clock::time_point due) {
  auto bytes = read_from(source);
  auto const count = bytes.size();
  if (withholds_key_) drop_key(bytes);
  if (limit_ && count > 0) {
    bytes.resize(std::min(count, limit_->bytes));
    limit_->bytes -= bytes.size();
    if (is_cut()) ending_ = limit_->ending;
  }
  if (!bytes.empty()) {
    waiting_bytes_ += bytes.size();
    chunks_.push_back({due, std::move(bytes)});
  }
  return count;
}

std::size_t ProxyLane::swallow(int source) { return read_from(source).size(); }

std::size_t ProxyLane::send(int sink, Clock::time_point now) {
  std::size_t total = 0;
  while (wants_to_send(now)) {
    auto &bytes = chunks_.front().bytes;
    auto const sent = ::send(sink, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (!is_passing(errno)) fail();
      break;
    }
    auto const count = static_cast<std::size_t>(sent);
    total += count;
    waiting_bytes_ -= count;
    bytes.erase(0, count);
    if (bytes.empty()) chunks_.pop_front();
  }
  return total;
}

void ProxyLane::end_after(std::size_t bytes, Ending ending) { limit_ = Limit{bytes, ending}; }

std::optional<ProxyLane::Clock::time_point> ProxyLane::due() const noexcept {
  if (chunks_.empty()) return std::nullopt;
  return chunks_.front().due;
}

std::string ProxyLane::read_from(int source) {
  std::string bytes(std::size_t{64} * 1024, '\0');
  auto const count = ::recv(source, bytes.data(), bytes.size(), 0);
  if (count == 0) ending_ = Ending::finish;
  if (count < 0 && !is_passing(errno)) ending_ = Ending::reset;
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

/// The server sends it in one piece with what comes before and after it.
void ProxyLane::drop_key(std::string &bytes) {
  auto const key = bytes.find(key_head);
  if (key == std::string::npos) return;
  bytes.erase(key, key_size);
  withholds_key_ = false;
}

void ProxyLane::fail() noexcept {
  ending_ = Ending::reset;
  chunks_.clear();
  waiting_bytes_ = 0;
}

}  // namespace pqlease::testing
