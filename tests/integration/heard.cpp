#include "heard.hpp"

#include "support/test_server.hpp"

#include <unistd.h>

#include <atomic>
#include <iostream>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace pqlease::testing {
namespace {

constexpr auto patience = 20s;

}  // namespace

std::function<void(Notification const &)> Heard::handler(std::string prefix) {
  return [this, prefix = std::move(prefix)](Notification const &notification) {
    add(prefix + notification.channel + ": " + (notification.is_gap() ? "(gap)" : notification.payload));
  };
}

void Heard::add(std::string line) {
  std::cout << "heard> " + line + '\n';
  std::scoped_lock const lock{mutex_};
  lines_.push_back(std::move(line));
  more_.notify_all();
}

Lines Heard::wait_for(std::size_t count) {
  std::unique_lock lock{mutex_};
  more_.wait_for(lock, patience, [&] { return lines_.size() >= count; });
  return lines_;
}

Lines Heard::lines() const {
  std::scoped_lock const lock{mutex_};
  return lines_;
}

void Moment::come() {
  std::scoped_lock const lock{mutex_};
  has_come_ = true;
  came_.notify_all();
}

bool Moment::wait() {
  std::unique_lock lock{mutex_};
  return came_.wait_for(lock, patience, [&] { return has_come_; });
}

bool becomes_true(std::function<bool()> const &condition) {
  auto const deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

void notify_from_outside(std::string const &channel, std::string const &payload) {
  pqxx::connection connection{test_server().conninfo()};
  pqxx::nontransaction{connection}.exec("SELECT pg_notify($1, $2)", pqxx::params{channel, payload});
}

Lines listening_channels(ManagedConnection &manager) {
  auto lease = manager.lease_for(patience);
  Lines channels;
  for (auto const &row : pqxx::nontransaction{*lease}.exec("SELECT pg_listening_channels() ORDER BY 1")) {
    channels.push_back(row[0].as<std::string>());
  }
  return channels;
}

bool somebody_waits(ManagedConnection &manager) {
  bool waits = false;
  std::jthread{[&] {
    try {
      auto const lease = manager.lease_for(0ms);
    } catch (LeaseTimeout const &refusal) {
      waits = !std::string{refusal.what()}.ends_with("; 0 waiting");
    }
  }}.join();
  return waits;
}

std::string unique_channel() {
  static std::atomic<int> count{0};
  return "pqlease_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
}

}  // namespace pqlease::testing
