#include "detail/counters.hpp"
#include "detail/statistics_fields.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>

#include <set>
#include <sstream>
#include <type_traits>

using namespace std::chrono_literals;
using pqlease::Histogram;
using pqlease::Statistics;
using pqlease::detail::Counters;

namespace {

constexpr Statistics example{.leases_granted = 1,
                             .leases_contended = 2,
                             .leases_timed_out = 3,
                             .leases_cancelled = 4,
                             .sessions_opened = 5,
                             .failed_opens = 6,
                             .sessions_replaced = 7,
                             .leaks = 8,
                             .forced_rollbacks = 9,
                             .forced_closes = 10,
                             .quarantined = 11,
                             .leases_refused = 12,
                             .cancels_sent = 13,
                             .hold_warnings = 14,
                             .blocks_committed = 17,
                             .blocks_rolled_back = 18,
                             .blocks_retried = 19,
                             .blocks_given_up = 20,
                             .in_doubt_committed = 21,
                             .in_doubt_rolled_back = 22,
                             .in_doubt_unknown = 23,
                             .notifications_delivered = 24,
                             .notification_gaps = 25,
                             .wait = {.buckets = {15}, .sum = 0us},
                             .hold = {.buckets = {0, 0, 16}, .sum = 50us}};

Statistics doubled(Statistics statistics) {
  for (auto const &field : pqlease::detail::counter_fields) statistics.*field.value *= 2;
  for (auto const &field : pqlease::detail::histogram_fields) {
    for (auto &bucket : (statistics.*field.value).buckets) bucket *= 2;
    (statistics.*field.value).sum *= 2;
  }
  return statistics;
}

}  // namespace

TEST_SUITE_BEGIN("statistics");

static_assert(std::is_aggregate_v<Statistics>);

TEST_CASE("every number of a difference is the later one less the earlier one") {
  CHECK(doubled(example) - example == example);
  CHECK(example - Statistics{} == example);
  CHECK(example - example == Statistics{});
  CHECK(example != doubled(example));
}

TEST_CASE("every number has a name and a member of its own") {
  std::set<std::string_view> names;
  Statistics numbered;
  for (auto const &field : pqlease::detail::counter_fields) {
    names.insert(field.name);
    CHECK(++(numbered.*field.value) == 1);
  }
  CHECK(names.size() == pqlease::detail::counter_fields.size());
}

TEST_CASE("a snapshot has every number that was counted, in its place") {
  Counters counters;
  auto const count = [](pqlease::detail::Counter &counter, int times) {
    for (int i = 0; i < times; ++i) ++counter;
  };
  counters.wait.record(0us);
  count(counters.leases_contended, 2);
  count(counters.leases_timed_out, 3);
  count(counters.leases_cancelled, 4);
  count(counters.sessions_opened, 5);
  count(counters.failed_opens, 6);
  count(counters.sessions_replaced, 7);
  count(counters.leaks, 8);
  count(counters.forced_rollbacks, 9);
  count(counters.forced_closes, 10);
  count(counters.quarantined, 11);
  count(counters.leases_refused, 12);
  count(counters.cancels_sent, 13);
  count(counters.hold_warnings, 14);
  count(counters.blocks_committed, 17);
  count(counters.blocks_rolled_back, 18);
  count(counters.blocks_retried, 19);
  count(counters.blocks_given_up, 20);
  count(counters.in_doubt_committed, 21);
  count(counters.in_doubt_rolled_back, 22);
  count(counters.in_doubt_unknown, 23);
  count(counters.notifications_delivered, 24);
  count(counters.notification_gaps, 25);
  for (int i = 0; i < 16; ++i) counters.hold.record(3125ns);
  auto expected = example;
  expected.wait.buckets[0] = 1;
  CHECK(counters.snapshot() == expected);
}

TEST_CASE("statistics print in a few lines for people") {
  constexpr auto text = "leases: 1 granted, 2 contended, 3 timed out, 4 cancelled, 12 refused\n"
                        "wait: 15 times, mean 0 us, p50 < 1 us, p99 < 1 us, max < 1 us\n"
                        "hold: 16 times, mean 3 us, p50 < 4 us, p99 < 4 us, max < 4 us\n"
                        "sessions: 5 opened, 6 failed to open, 7 replaced\n"
                        "releases: 8 leaks, 9 forced rollbacks, 10 forced closes, 11 quarantined\n"
                        "reports: 14 hold warnings, 13 cancels sent\n"
                        "blocks: 17 committed, 18 rolled back, 19 retried, 20 given up\n"
                        "in doubt: 21 committed, 22 rolled back, 23 unknown\n"
                        "notifications: 24 delivered, 25 gaps";
  CHECK(to_string(example) == text);
  CHECK(fmt::format("{}", example) == text);
  std::ostringstream out;
  out << example;
  CHECK(out.str() == text);
}

TEST_SUITE_END();
