#pragma once

#include <pqlease/histogram.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pqlease::detail {

/// A Histogram that grows while others look at it.
class LiveHistogram {
public:
  /// By the holder of the lease: the queue orders one writer after the other, so that a load and a store do for
  /// an addition. A negative duration counts as zero. Neither blocks nor allocates.
  void record(std::chrono::nanoseconds duration) noexcept {
    duration = std::max(duration, std::chrono::nanoseconds::zero());
    auto const whole = std::chrono::duration_cast<std::chrono::microseconds>(duration);
    rest_ += duration - whole;
    auto const carry = std::chrono::duration_cast<std::chrono::microseconds>(rest_);
    rest_ -= carry;
    grow(sum_, whole + carry);
    grow(buckets_[bucket_of(whole)], std::uint64_t{1});
  }

  /// From any thread. Every bucket and the sum only grow from one snapshot to the next, and the sum is that of all
  /// durations counted, or of more.
  [[nodiscard]] Histogram snapshot() const noexcept {
    Histogram copy;
    std::ranges::transform(buckets_, copy.buckets.begin(),
                           [](auto const &bucket) { return bucket.load(std::memory_order_acquire); });
    copy.sum = sum_.load(std::memory_order_acquire);
    return copy;
  }

private:
  [[nodiscard]] static std::size_t bucket_of(std::chrono::microseconds duration) noexcept {
    auto const width = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(duration.count())));
    return std::min(width, Histogram::bucket_count - 1);
  }

  // Released, so that who sees this number also sees what was counted before it.
  template <class Value> static void grow(std::atomic<Value> &number, Value by) noexcept {
    number.store(number.load(std::memory_order_relaxed) + by, std::memory_order_release);
  }

  std::array<std::atomic<std::uint64_t>, Histogram::bucket_count> buckets_{};
  std::atomic<std::chrono::microseconds> sum_{};
  std::chrono::nanoseconds rest_{};  // what sum_ lacks; the writer's own
};

}  // namespace pqlease::detail
