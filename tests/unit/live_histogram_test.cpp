#include "detail/counters.hpp"
#include "detail/live_histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Histogram;
using pqlease::Statistics;
using pqlease::detail::Counters;
using pqlease::detail::LiveHistogram;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

namespace {

// What a histogram stands for, kept as it came.
struct Model {
  std::vector<nanoseconds> durations;

  void record(nanoseconds duration) { durations.insert(std::ranges::upper_bound(durations, duration), duration); }

  static std::size_t bucket_of(nanoseconds duration) {
    std::size_t index = 0;
    for (nanoseconds bound = 1us; duration >= bound && index < 38; bound *= 2) ++index;
    return index;
  }

  [[nodiscard]] Histogram histogram() const {
    Histogram result;
    nanoseconds sum{};
    for (auto const duration : durations) {
      ++result.buckets.at(bucket_of(duration));
      sum += duration;
    }
    result.sum = std::chrono::floor<microseconds>(sum);
    return result;
  }

  [[nodiscard]] microseconds quantile(double fraction) const {
    std::size_t rank = 1;
    while (static_cast<double>(rank) / static_cast<double>(durations.size()) < fraction) ++rank;
    auto const index = bucket_of(durations.at(rank - 1));
    return index < 38 ? microseconds{1LL << index} : microseconds::max();
  }
};

bool is_not_ahead_of(Histogram const &earlier, Histogram const &later) {
  return earlier.sum <= later.sum && std::ranges::equal(earlier.buckets, later.buckets, std::ranges::less_equal{});
}

}  // namespace

TEST_SUITE_BEGIN("live histogram");

TEST_CASE("random durations are counted as a naive model counts them") {
  auto const seed = std::random_device{}();
  std::cout << "seed: " << seed << '\n';
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 50; ++round) {
    LiveHistogram live;
    Model model;
    std::uniform_int_distribution digits{0, 52};  // 2^52 ns are 52 days, and 200 times that fits
    for (int i = 0; i < 200; ++i) {
      auto const bound = 1LL << digits(random);
      nanoseconds const duration{std::uniform_int_distribution<long long>{0, bound}(random)};
      live.record(duration);
      model.record(duration);
    }
    auto const histogram = live.snapshot();
    CHECK(histogram == model.histogram());
    CHECK(histogram.count() == 200);
    CHECK(histogram.mean() == histogram.sum / 200);
    for (double const fraction : {0.0, 0.005, 0.07, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      CAPTURE(fraction);
      CHECK(histogram.quantile(fraction) == model.quantile(fraction));
    }
  }
}

TEST_CASE("a snapshot never takes back what an earlier one said, whoever writes meanwhile") {
  constexpr int writers = 4;
  constexpr int rounds = 5'000;
  LiveHistogram live;
  std::mutex lease;  // as the queue's mutex: one writer after the other
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < writers; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < rounds; ++round) {
          std::scoped_lock const lock{lease};
          live.record(std::chrono::nanoseconds{(1LL << (round % 30)) + i});
        }
      });
    }
    for (Histogram last; last.count() < writers * rounds;) {
      auto const next = live.snapshot();
      REQUIRE(is_not_ahead_of(last, next));
      last = next;
    }
  }
  CHECK(live.snapshot().count() == writers * rounds);
}

TEST_CASE("a part is never ahead of the whole, in a snapshot while leases come and go") {
  constexpr int rounds = 200'000;
  Counters counters;
  std::jthread const holder{[&] {  // one alone, which leaves the reader the least time
    for (int round = 0; round < rounds; ++round) {
      counters.wait.record(1us);
      ++counters.leases_contended;
      counters.hold.record(1us);
    }
  }};
  for (Statistics now; now.hold.count() < rounds;) {
    now = counters.snapshot();
    REQUIRE(now.leases_granted == now.wait.count());
    REQUIRE(now.leases_contended <= now.leases_granted);
    REQUIRE(now.hold.count() <= now.leases_granted);
  }
}

TEST_SUITE_END();
