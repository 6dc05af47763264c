#include "detail/live_histogram.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Histogram;
using pqlease::detail::LiveHistogram;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

namespace {

Histogram histogram_of(std::vector<nanoseconds> const &durations) {
  LiveHistogram histogram;
  for (auto const duration : durations) histogram.record(duration);
  return histogram.snapshot();
}

// The one bucket that is not empty.
std::size_t bucket_of(nanoseconds duration) {
  auto const histogram = histogram_of({duration});
  REQUIRE(histogram.count() == 1);
  std::size_t index = 0;
  while (histogram.buckets.at(index) == 0) ++index;
  return index;
}

}  // namespace

TEST_SUITE_BEGIN("histogram");

static_assert(std::is_aggregate_v<Histogram>);

TEST_CASE("a duration is counted in the first bucket with a bound beyond it") {
  CHECK(bucket_of(0ns) == 0);
  CHECK(bucket_of(1ns) == 0);
  CHECK(bucket_of(999ns) == 0);
  CHECK(bucket_of(1us) == 1);
  CHECK(bucket_of(1999ns) == 1);
  CHECK(bucket_of(2us) == 2);
  CHECK(bucket_of(3999ns) == 2);
  for (std::size_t index = 0; index < Histogram::finite_buckets; ++index) {
    auto const bound = Histogram::upper_bound(index);
    CHECK(bucket_of(bound - 1ns) == index);
    CHECK(bucket_of(bound) == index + 1);
  }
}

TEST_CASE("what takes longer than every bound is counted in the last bucket") {
  CHECK(bucket_of(39h) == Histogram::finite_buckets);
  CHECK(bucket_of(nanoseconds::max()) == Histogram::finite_buckets);
  CHECK(histogram_of({nanoseconds::max(), 1ns}).sum == std::chrono::duration_cast<microseconds>(nanoseconds::max()));
}

TEST_CASE("a negative duration counts as zero") {
  for (auto const duration : {-1ns, nanoseconds{-1h}, nanoseconds::min()}) {
    CHECK(histogram_of({duration}) == histogram_of({0ns}));
  }
}

TEST_CASE("every duration that an option can have is below the last bound") {
  CHECK(Histogram::upper_bound(0) == 1us);
  CHECK(Histogram::upper_bound(10) == 1024us);
  CHECK(Histogram::upper_bound(Histogram::finite_buckets - 1) > 24h);
  CHECK(Histogram::upper_bound(Histogram::finite_buckets - 2) < 24h);
  CHECK(Histogram::upper_bound(Histogram::finite_buckets) == microseconds::max());
  CHECK(Histogram::upper_bound(std::numeric_limits<std::size_t>::max()) == microseconds::max());
}

TEST_CASE("fractions of a microsecond are added up") {
  CHECK(histogram_of({999ns}).sum == 0us);
  CHECK(histogram_of({999ns, 1ns}).sum == 1us);
  CHECK(histogram_of(std::vector<nanoseconds>(1000, 1700ns)).sum == 1700us);
}

TEST_CASE("a quantile is the bound of the bucket with the duration at its rank") {
  std::vector<nanoseconds> durations(90, 5us);
  durations.insert(durations.end(), 9, 300us);
  durations.push_back(2s);
  auto const histogram = histogram_of(durations);
  CHECK(histogram.quantile(0) == 8us);
  CHECK(histogram.quantile(0.5) == 8us);
  CHECK(histogram.quantile(0.9) == 8us);
  CHECK(histogram.quantile(0.901) == 512us);
  CHECK(histogram.quantile(0.99) == 512us);
  CHECK(histogram.quantile(0.991) == 2'097'152us);
  CHECK(histogram.quantile(1) == 2'097'152us);
}

TEST_CASE("a quantile's rank is not one too high for want of precision") {
  std::vector<nanoseconds> durations(7, 5us);
  durations.insert(durations.end(), 93, 1s);
  CHECK(histogram_of(durations).quantile(0.07) == 8us);  // 0.07 * 100 is 7.000000000000001
}

TEST_CASE("a quantile beyond every bound is the longest duration") {
  CHECK(histogram_of({100h}).quantile(0.5) == microseconds::max());
}

TEST_CASE("nothing counted has quantiles and a mean of zero") {
  CHECK(Histogram{}.count() == 0);
  CHECK(Histogram{}.quantile(0) == 0us);
  CHECK(Histogram{}.quantile(1) == 0us);
  CHECK(Histogram{}.mean() == 0us);
}

TEST_CASE("a fraction that is none is refused") {
  for (auto const fraction : {-0.001, 1.001, 99.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(static_cast<void>(Histogram{}.quantile(fraction)), pqlease::UsageError);
  }
}

TEST_CASE("the mean is exact but for the last microsecond") {
  CHECK(histogram_of({5us}).mean() == 5us);
  CHECK(histogram_of({5us, 8us}).mean() == 6us);
  CHECK(histogram_of({1000s, 0ns}).mean() == 500s);
}

TEST_CASE("the difference of two snapshots is what was counted between them") {
  LiveHistogram live;
  live.record(3us);
  live.record(50ms);
  auto const before = live.snapshot();
  CHECK(live.snapshot() - before == Histogram{});
  CHECK(live.snapshot() == before);
  live.record(3us);
  live.record(100h);
  auto const difference = live.snapshot() - before;
  CHECK(difference == histogram_of({3us, 100h}));
  CHECK(difference != histogram_of({3us, 99h}));
  CHECK(difference.count() == 2);
}

TEST_CASE("a histogram prints its count, mean and quantiles with their units") {
  CHECK(to_string(Histogram{}) == "0 times");
  CHECK(to_string(histogram_of({0ns})) == "1 times, mean 0 us, p50 < 1 us, p99 < 1 us, max < 1 us");
  auto const mixed = histogram_of({100us, 600us, 5ms, 7s});
  CHECK(to_string(mixed) == "4 times, mean 1.75 s, p50 < 1.02 ms, p99 < 8.39 s, max < 8.39 s");
  CHECK(to_string(histogram_of({100h})) == "1 times, mean 100 h, p50 >= 38.2 h, p99 >= 38.2 h, max >= 38.2 h");
  CHECK(to_string(histogram_of({90s, 14ms})) == "2 times, mean 45.0 s, p50 < 16.4 ms, p99 < 2.24 min, max < 2.24 min");
  CHECK(to_string(histogram_of({999'999us})).starts_with("1 times, mean 1000 ms, "));
}

TEST_CASE("a histogram prints the same by a stream and by fmt") {
  auto const histogram = histogram_of({3us});
  std::ostringstream out;
  out << histogram;
  CHECK(out.str() == to_string(histogram));
  CHECK(fmt::format("{}", histogram) == to_string(histogram));
}

TEST_SUITE_END();
