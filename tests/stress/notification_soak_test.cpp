// Listeners, a notifier and threads that use the session, while the session and its server fail at random: what was
// committed while the session was up arrives once and in order, and whatever is missing was announced as a gap.

#include "settings.hpp"
#include "support/detail/local_server.hpp"
#include "support/throwaway_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::stress;
using pqlease::Notification;
using pqlease::testing::LocalServer;
using pqlease::testing::StopMode;
using pqlease::testing::ThrowawayServer;

namespace {

constexpr auto patience = sanitized ? 120s : 30s;
std::string const application = "pqlease_notification_soak";

enum class Fate : std::uint8_t { committed, unknown };

/// What was sent on one channel, number by number.
class Sent {
public:
  void add(Fate fate) {
    std::scoped_lock const lock{mutex_};
    fates_.push_back(fate);
  }
  [[nodiscard]] std::size_t size() const {
    std::scoped_lock const lock{mutex_};
    return fates_.size();
  }
  [[nodiscard]] std::vector<Fate> all() const {
    std::scoped_lock const lock{mutex_};
    return fates_;
  }

private:
  mutable std::mutex mutex_;  // guards fates_
  std::vector<Fate> fates_;
};

/// What one handler was told: numbers, and -1 for a gap.
class Received {
public:
  void add(Notification const &notification) {
    std::scoped_lock const lock{mutex_};
    events_.push_back(notification.is_gap() ? -1 : std::stol(notification.payload));
    if (notification.is_gap()) ++gaps_;
    more_.notify_all();
  }

  [[nodiscard]] std::size_t gaps() const {
    std::scoped_lock const lock{mutex_};
    return gaps_;
  }

  [[nodiscard]] bool wait_for_gap(std::size_t before) {
    std::unique_lock lock{mutex_};
    return more_.wait_for(lock, patience, [&] { return gaps_ > before; });
  }

  /// Waits a moment for this number to be the last one that came.
  [[nodiscard]] bool wait_for_number(long number) {
    std::unique_lock lock{mutex_};
    return more_.wait_for(lock, 200ms, [&] {
      auto const last = std::find_if(events_.rbegin(), events_.rend(), [](long event) { return event >= 0; });
      return last != events_.rend() && *last == number;
    });
  }

  [[nodiscard]] std::vector<long> all() const {
    std::scoped_lock const lock{mutex_};
    return events_;
  }

private:
  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable more_;
  std::vector<long> events_;
  std::size_t gaps_{0};
};

/// Lets one thread go on or wait, and tells when it waits.
class Gate {
public:
  void close() {
    std::unique_lock lock{mutex_};
    closed_ = true;
    changed_.wait(lock, [&] { return waiting_ || ended_; });
  }
  void open() {
    std::scoped_lock const lock{mutex_};
    closed_ = false;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock{mutex_};
    if (!closed_) return;
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !closed_; });
    waiting_ = false;
  }
  void end() {
    std::scoped_lock const lock{mutex_};
    ended_ = true;
    changed_.notify_all();
  }

private:
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  bool closed_{false};
  bool waiting_{false};
  bool ended_{false};
};

pqlease::Options options() {
  return {.connect_timeout = 2s,
          .idle_probe_after = 20ms,
          .reconnect = {.initial_delay = 10ms, .max_delay = 50ms},
          .logger = std::make_shared<spdlog::logger>("soak", std::make_shared<spdlog::sinks::null_sink_mt>())};
}

/// Counts what is wrong with what a handler was told, and prints it.
int faults_in(std::vector<long> const &events, std::vector<Fate> const &sent, std::string const &who) {
  int faults = 0;
  auto const complain = [&](std::string const &what) {
    if (++faults <= 10) std::cout << who << ": " << what << '\n';
  };
  long last = -1;
  bool gap = false;
  for (auto const event : events) {
    if (event < 0) {
      gap = true;
      continue;
    }
    if (event <= last) complain(fmt::format("{} came after {}", event, last));
    for (long missing = last + 1; missing < event && !gap; ++missing) {
      if (sent.at(static_cast<std::size_t>(missing)) == Fate::committed) {
        complain(fmt::format("{} is missing between {} and {}, and no gap was announced", missing, last, event));
      }
    }
    last = event;
    gap = false;
  }
  return faults;
}

/// Everything of one run, in the order in which it is made.
class Soak {
public:
  explicit Soak(Settings settings) : settings_{settings}, random_{settings.seed} {}

  void run();
  void check();

private:
  static constexpr std::size_t channels = 3;
  static constexpr std::size_t handlers = 2;  // of each channel

  void subscribe();
  void start_users();
  void notify(std::stop_token const &stop);
  void send(std::optional<pqxx::connection> &connection, std::size_t channel);
  void make_fault();
  void fail(int kind);
  void wait_for_all_numbers();
  [[nodiscard]] static std::string name(std::size_t channel) { return fmt::format("Soak \"{}\"", channel); }
  [[nodiscard]] int pick(int lowest, int highest) { return std::uniform_int_distribution{lowest, highest}(random_); }

  Settings settings_;
  std::mt19937_64 random_;
  LocalServer server_{std::make_unique<ThrowawayServer>()};
  Gate gate_;
  std::array<Sent, channels> sent_;
  std::array<std::array<Received, handlers>, channels> received_;
  std::size_t faults_{0};
  std::size_t calm_faults_{0};
  std::atomic<std::size_t> leases_{0};
  pqlease::ManagedConnection manager_{server_.conninfo() + " application_name=" + application, options()};
  std::vector<pqlease::Subscription> subscriptions_;
  std::vector<std::jthread> threads_;
};

void Soak::run() {
  subscribe();
  start_users();
  std::jthread notifier{[this](std::stop_token const &stop) {
    notify(stop);
    gate_.end();
  }};
  auto const end = std::chrono::steady_clock::now() + settings_.length;
  auto next_line = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{pick(20, 300)});
    make_fault();
    if (std::chrono::steady_clock::now() < next_line) continue;
    next_line += 1s;
    auto const statistics = manager_.statistics();
    std::cout << fmt::format(
                     "{:6} sent, {:7} delivered, {:4} gaps, {:3} faults of which {} in calm, {} leases, epoch {}\n",
                     sent_[0].size(), statistics.notifications_delivered, statistics.notification_gaps, faults_,
                     calm_faults_, leases_.load(), manager_.epoch())
              << std::flush;
  }
  gate_.close();
  wait_for_all_numbers();
  notifier.request_stop();
  gate_.open();
  notifier.join();
  wait_for_all_numbers();
  threads_.clear();
}

void Soak::subscribe() {
  for (std::size_t handler = 0; handler < handlers; ++handler) {
    for (std::size_t channel = 0; channel < channels; ++channel) {
      auto &received = received_[channel][handler];
      subscriptions_.push_back(manager_.listen(
          name(channel), [&received](Notification const &notification) { received.add(notification); }));
    }
  }
}

/// Threads that keep the session busy, or leave it alone for a while.
void Soak::start_users() {
  for (int i = 0; i < 4; ++i) {
    threads_.emplace_back([this, seed = random_()](std::stop_token const &stop) {
      std::mt19937_64 random{seed};
      while (!stop.stop_requested()) {
        try {
          auto lease = manager_.lease_for(patience);
          if (random() % 3 == 0) {
            pqxx::work work{*lease};
            work.exec("SELECT 1");
            work.commit();
          } else {
            pqxx::nontransaction{*lease}.exec("SELECT 1");
          }
          ++leases_;
        } catch (pqlease::ConnectionDown const &) {
        } catch (pqxx::failure const &) {}
        if (random() % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds{random() % 100});
      }
    });
  }
}

void Soak::notify(std::stop_token const &stop) {
  std::optional<pqxx::connection> connection;
  std::size_t turn = 0;
  while (!stop.stop_requested()) {
    gate_.pass();
    send(connection, turn++ % channels);
    if (turn % 20 == 0) std::this_thread::sleep_for(1ms);
  }
}

/// An error while connecting says for certain that nothing was sent.
void Soak::send(std::optional<pqxx::connection> &connection, std::size_t channel) {
  auto &sent = sent_[channel];
  try {
    if (!connection) connection.emplace(server_.conninfo());
  } catch (pqxx::failure const &) {
    std::this_thread::sleep_for(5ms);
    return;
  }
  try {
    pqxx::params const parameters{name(channel), std::to_string(sent.size())};
    pqxx::nontransaction{*connection}.exec("SELECT pg_notify($1, $2)", parameters);
    sent.add(Fate::committed);
  } catch (pqxx::failure const &) {
    sent.add(Fate::unknown);
    connection.reset();
  }
}

/// In calm everything that was sent has arrived before the fault, and the gap is announced before anything else is
/// sent.
void Soak::make_fault() {
  bool const in_calm = pick(0, 1) == 0;
  ++faults_;
  if (!in_calm) return fail(pick(0, 3));
  ++calm_faults_;
  gate_.close();
  wait_for_all_numbers();
  std::array<std::array<std::size_t, handlers>, channels> before{};
  for (std::size_t channel = 0; channel < channels; ++channel) {
    for (std::size_t handler = 0; handler < handlers; ++handler) {
      before[channel][handler] = received_[channel][handler].gaps();
    }
  }
  fail(pick(0, 3));
  for (std::size_t channel = 0; channel < channels; ++channel) {
    for (std::size_t handler = 0; handler < handlers; ++handler) {
      CHECK(received_[channel][handler].wait_for_gap(before[channel][handler]));
    }
  }
  gate_.open();
}

void Soak::fail(int kind) {
  switch (kind) {
  case 0:
    return server_.restart(pick(0, 1) == 0 ? StopMode::fast : StopMode::immediate);
  case 1:
    return manager_.close();
  default:
    pqxx::connection administrator{server_.conninfo()};
    pqxx::nontransaction{administrator}.exec(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = '" + application + "'");
  }
}

/// While nothing else is sent. Numbers may get lost for as long as the session is down: only one that has come tells.
void Soak::wait_for_all_numbers() {
  for (std::size_t channel = 0; channel < channels; ++channel) {
    std::optional<pqxx::connection> connection;
    auto const deadline = std::chrono::steady_clock::now() + patience;
    bool arrived = false;
    while (!arrived && std::chrono::steady_clock::now() < deadline) {
      send(connection, channel);
      auto const last = static_cast<long>(sent_[channel].size()) - 1;
      arrived = std::ranges::all_of(received_[channel], [=](auto &received) { return received.wait_for_number(last); });
    }
    CHECK(arrived);
  }
}

void Soak::check() {
  std::size_t committed = 0;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    auto const sent = sent_[channel].all();
    committed += static_cast<std::size_t>(std::count(sent.begin(), sent.end(), Fate::committed));
    for (std::size_t handler = 0; handler < handlers; ++handler) {
      auto const events = received_[channel][handler].all();
      CHECK(faults_in(events, sent, fmt::format("channel {}, handler {}", channel, handler)) == 0);
    }
    // The handlers of a channel are told the same.
    CHECK(received_[channel][0].all() == received_[channel][1].all());
  }
  auto const statistics = manager_.statistics();
  std::cout << fmt::format("{} notifications committed, {} delivered to {} handlers, {} gaps; {} faults, {} in calm\n",
                           committed, statistics.notifications_delivered, handlers, statistics.notification_gaps,
                           faults_, calm_faults_);
  CHECK(committed > 0);
  CHECK(statistics.notifications_delivered <= committed * handlers + 2 * faults_ * channels * handlers);
  CHECK(statistics.notifications_delivered > committed);
}

}  // namespace

TEST_SUITE_BEGIN("stress");

TEST_CASE("what is committed while the session is up arrives once and in order, and every gap is announced") {
  auto const settings = settings_from_environment();
  std::cout << fmt::format("PQLEASE_STRESS_SECONDS={} PQLEASE_STRESS_SEED={}\n", settings.length.count(), settings.seed)
            << std::flush;
  Soak soak{settings};
  soak.run();
  soak.check();
}

TEST_SUITE_END();
