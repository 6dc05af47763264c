#include <pqlease/histogram.hpp>

#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <ostream>
#include <string_view>

namespace pqlease {
namespace {

using std::chrono::microseconds;

struct Unit {
  std::string_view name;
  microseconds length;
};

constexpr std::array longer_units{Unit{"h", std::chrono::hours{1}}, Unit{"min", std::chrono::minutes{1}},
                                  Unit{"s", std::chrono::seconds{1}}, Unit{"ms", std::chrono::milliseconds{1}}};

// For three significant digits, or all that are before the point.
int decimals_of(double number) {
  if (number < 10) return 2;
  return number < 100 ? 1 : 0;
}

std::string in_words(microseconds duration) {
  for (auto const &unit : longer_units) {
    if (duration < unit.length) continue;
    auto const number = static_cast<double>(duration.count()) / static_cast<double>(unit.length.count());
    return fmt::format("{:.{}f} {}", number, decimals_of(number), unit.name);
  }
  return fmt::format("{} us", duration.count());
}

std::string bound_in_words(microseconds bound) {
  if (bound != microseconds::max()) return "< " + in_words(bound);
  return ">= " + in_words(Histogram::upper_bound(Histogram::finite_buckets - 1));
}

}  // namespace

std::uint64_t Histogram::count() const noexcept {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

microseconds Histogram::quantile(double fraction) const {
  bool const is_fraction = fraction >= 0 && fraction <= 1;  // which NaN is not
  if (!is_fraction) throw UsageError{fmt::format("{} is no fraction for a quantile", fraction)};
  auto const total = count();
  if (total == 0) return microseconds::zero();
  // Compared as shares: a rank calculated from the fraction could be one too high, for 0.07 * 100 is more than 7.
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < finite_buckets; ++index) {
    seen += buckets[index];
    if (seen > 0 && static_cast<double>(seen) / static_cast<double>(total) >= fraction) return upper_bound(index);
  }
  return upper_bound(finite_buckets);
}

microseconds Histogram::mean() const noexcept {
  auto const total = count();
  if (total == 0) return microseconds::zero();
  return microseconds{static_cast<std::int64_t>(static_cast<std::uint64_t>(sum.count()) / total)};
}

Histogram operator-(Histogram const &later, Histogram const &earlier) noexcept {
  Histogram difference{.buckets = {}, .sum = later.sum - earlier.sum};
  std::ranges::transform(later.buckets, earlier.buckets, difference.buckets.begin(), std::minus{});
  return difference;
}

std::string to_string(Histogram const &histogram) {
  auto const count = histogram.count();
  if (count == 0) return "0 times";
  return fmt::format("{} times, mean {}, p50 {}, p99 {}, max {}", count, in_words(histogram.mean()),
                     bound_in_words(histogram.quantile(0.5)), bound_in_words(histogram.quantile(0.99)),
                     bound_in_words(histogram.quantile(1)));
}

std::ostream &operator<<(std::ostream &out, Histogram const &histogram) { return out << to_string(histogram); }

}  // namespace pqlease
