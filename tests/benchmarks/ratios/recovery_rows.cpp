#include "ratios/recovery_rows.hpp"

#include "measure/rounds.hpp"
#include "support/fault_proxy.hpp"
#include <pqlease/pqlease.hpp>

#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

namespace pqlease::benchmarks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int threads = 16;
constexpr std::chrono::milliseconds longest_delay{50};
constexpr std::uint64_t failures_to_longest_delay = 3;

/// Threads that want leases from a server that comes and goes.
class Outages {
public:
  explicit Outages(ReconnectMode mode)
      : manager_{
            proxy_.conninfo(),
            {.reconnect =
                 {.initial_delay = 1ms, .factor = 10, .max_delay = longest_delay, .jitter = Jitter::none, .mode = mode},
             .logger = std::make_shared<spdlog::logger>("outages", std::make_shared<spdlog::sinks::null_sink_mt>())}} {
    for (int i = 0; i < threads; ++i) {
      askers_.emplace_back([this](std::stop_token const &stop) {
        while (!stop.stop_requested()) ask();
      });
    }
  }

  /// From the server's return to the first lease.
  [[nodiscard]] Milliseconds recover() {
    auto const failed = manager_.statistics().failed_opens;
    proxy_.refuse();
    proxy_.cut(testing::Ending::reset);
    while (manager_.statistics().failed_opens < failed + failures_to_longest_delay) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(longest_delay * std::uniform_real_distribution{0.0, 1.0}(random_));  // at any moment
    first_lease_ = none;
    auto const before = Clock::now();
    proxy_.forward();
    first_lease_.wait(none);
    return first_lease_.load() - before;
  }

private:
  static constexpr Clock::time_point none{};

  void ask() {
    try {
      auto const lease = manager_.lease();
      auto expected = none;
      if (first_lease_.compare_exchange_strong(expected, Clock::now())) first_lease_.notify_one();
    } catch (ConnectionDown const &) {
      // Not back yet.
    }
    std::this_thread::sleep_for(1ms);
  }

  testing::FaultProxy proxy_{testing::test_server()};
  ManagedConnection manager_;
  std::atomic<Clock::time_point> first_lease_{none};  ///< since the server is back
  std::minstd_rand random_{std::random_device{}()};
  std::vector<std::jthread> askers_{};  ///< last: they use all of the above
};

Row recovery_row(ReconnectMode mode, std::string name, Settings const &settings) {
  Outages outages{mode};
  std::vector<double> times;
  for (int i = 0; i < settings.rounds; ++i) times.push_back(outages.recover().count());
  Row row{.name = std::move(name),
          .limit = Limit{Bound::at_most, 1},
          .figures = {},
          .sides = Sides{spread_of(times).median, Milliseconds{longest_delay}.count(), "ms"}};
  for (auto const time : times) row.figures.push_back(time / Milliseconds{longest_delay}.count());
  return row;
}

}  // namespace

std::vector<Row> measure_recovery(Settings const &settings) {
  try {
    return {recovery_row(ReconnectMode::on_demand, "server back to first lease / longest delay, on demand", settings),
            recovery_row(ReconnectMode::fail_fast, "server back to first lease / longest delay, fail fast", settings)};
  } catch (std::runtime_error const &error) {
    std::cout << "not measured: " << error.what() << '\n';
    return {};
  }
}

}  // namespace pqlease::benchmarks
