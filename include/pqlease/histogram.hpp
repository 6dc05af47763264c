#pragma once

#include <pqlease/export.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace pqlease {

/// How long something took, counted in buckets whose bounds are powers of two: a value, not a view.
///
/// Bucket i counts the durations shorter than 2^i µs that are not in a bucket before it; so bucket 0 counts what took
/// less than 1 µs. The last bucket counts everything longer. The bounds are known to within a factor of two, which is
/// what an alert needs, for a price of one addition for each duration.
struct PQLEASE_API Histogram {
  /// How many buckets have an upper bound. The highest bound is 2^37 µs, 38 hours: the lowest power of two beyond the
  /// 24 hours that are the most that any duration of Options may be.
  static constexpr std::size_t finite_buckets = 38;
  static constexpr std::size_t bucket_count = finite_buckets + 1;

  std::array<std::uint64_t, bucket_count> buckets{};  ///< not cumulative
  std::chrono::microseconds
      sum{};  ///< of all durations; fractions of a microsecond are added up, not dropped one by one

  /// How many durations there are.
  [[nodiscard]] std::uint64_t count() const noexcept;

  /// The shortest duration that is too long for the bucket: 2^index µs. Of the last bucket, and past it, the longest
  /// duration that there is: std::chrono::microseconds::max().
  [[nodiscard]] static constexpr std::chrono::microseconds upper_bound(std::size_t index) noexcept {
    if (index >= finite_buckets) return std::chrono::microseconds::max();
    return std::chrono::microseconds{std::int64_t{1} << index};
  }

  /// A bound that at least this fraction of the durations stay below: the upper bound of the bucket with the duration
  /// at that rank (nearest rank). It is less than twice that duration, or 1 µs. 0 stands for the shortest duration, 1
  /// for the longest. Zero when nothing was counted.
  /// Throws: UsageError when `fraction` is not in [0, 1].
  [[nodiscard]] std::chrono::microseconds quantile(double fraction) const;

  /// The exact mean, rounded down. Zero when nothing was counted.
  [[nodiscard]] std::chrono::microseconds mean() const noexcept;

  [[nodiscard]] friend bool operator==(Histogram const &, Histogram const &) = default;
};

/// What was counted between two snapshots of the same histogram. `earlier` must be the earlier one; else the numbers
/// wrap round. Thread safety: any thread.
[[nodiscard]] PQLEASE_API Histogram operator-(Histogram const &later, Histogram const &earlier) noexcept;

/// For people: `1234 times, mean 81 us, p50 < 64 us, p99 < 1.02 ms, max < 2.05 ms`.
[[nodiscard]] PQLEASE_API std::string to_string(Histogram const &histogram);

/// Prints what to_string() says.
PQLEASE_API std::ostream &operator<<(std::ostream &out, Histogram const &histogram);

}  // namespace pqlease
