#include "detail/live_histogram.hpp"
#include "support/prometheus_page.hpp"
#include "support/subprocess.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdlib>
#include <locale>
#include <sstream>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using pqlease::Histogram;
using pqlease::NamedStatistics;
using pqlease::Statistics;
using pqlease::to_prometheus;
using pqlease::testing::parse_prometheus;
using pqlease::testing::PrometheusMetric;
using pqlease::testing::PrometheusSample;

namespace {

Statistics example() {
  pqlease::detail::LiveHistogram wait;
  for (auto const duration : {0us, 3us, 1500us}) wait.record(duration);
  return {.leases_granted = 3, .leaks = 18'446'744'073'709'551'615U, .wait = wait.snapshot()};
}

PrometheusMetric const &find(std::vector<PrometheusMetric> const &page, std::string_view name) {
  auto const found = std::ranges::find(page, name, &PrometheusMetric::name);
  REQUIRE(found != page.end());
  return *found;
}

// The value of the one sample with this name and these labels.
double value(PrometheusMetric const &metric, std::string const &name,
             std::map<std::string, std::string> const &labels) {
  auto const found = std::ranges::find_if(
      metric.samples, [&](PrometheusSample const &sample) { return sample.name == name && sample.labels == labels; });
  REQUIRE(found != metric.samples.end());
  return found->value;
}

std::string label_of(std::string_view manager_name) {
  return parse_prometheus(to_prometheus({}, manager_name)).front().samples.front().labels.at("manager");
}

bool has_promtool() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs
  auto const *const path = std::getenv("PATH");
  std::istringstream folders{path == nullptr ? "" : path};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/promtool").c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

TEST_SUITE_BEGIN("prometheus");

TEST_CASE("every number of the statistics is on the page, with a description") {
  auto const page = parse_prometheus(to_prometheus(example(), "orders"));
  std::vector<std::string> names;
  for (auto const &metric : page) names.push_back(metric.name);
  CHECK(names == std::vector<std::string>{"pqlease_leases_granted_total",     "pqlease_leases_contended_total",
                                          "pqlease_leases_timed_out_total",   "pqlease_leases_cancelled_total",
                                          "pqlease_sessions_opened_total",    "pqlease_failed_opens_total",
                                          "pqlease_sessions_replaced_total",  "pqlease_leaks_total",
                                          "pqlease_forced_rollbacks_total",   "pqlease_forced_closes_total",
                                          "pqlease_quarantined_total",        "pqlease_leases_refused_total",
                                          "pqlease_cancels_sent_total",       "pqlease_hold_warnings_total",
                                          "pqlease_blocks_committed_total",   "pqlease_blocks_rolled_back_total",
                                          "pqlease_blocks_retried_total",     "pqlease_blocks_given_up_total",
                                          "pqlease_in_doubt_committed_total", "pqlease_in_doubt_rolled_back_total",
                                          "pqlease_in_doubt_unknown_total",   "pqlease_notifications_delivered_total",
                                          "pqlease_notification_gaps_total",  "pqlease_lease_wait_seconds",
                                          "pqlease_lease_hold_seconds"});
  CHECK(value(find(page, "pqlease_leases_granted_total"), "pqlease_leases_granted_total", {{"manager", "orders"}}) ==
        3);
}

TEST_CASE("a counter is printed to the last digit") {
  CHECK(to_prometheus(example(), "m").find("pqlease_leaks_total{manager=\"m\"} 18446744073709551615\n") !=
        std::string::npos);
}

TEST_CASE("a histogram has cumulative buckets in seconds, a sum and a count") {
  auto const page = parse_prometheus(to_prometheus(example(), "m"));
  std::string const name = "pqlease_lease_wait_seconds";
  auto const &wait = find(page, name);
  CHECK(wait.type == "histogram");
  CHECK(wait.samples.size() == Histogram::bucket_count + 2);
  auto const bucket = [&](std::string const &le) {
    return value(wait, name + "_bucket", {{"manager", "m"}, {"le", le}});
  };
  CHECK(bucket("1e-06") == 1);
  CHECK(bucket("2e-06") == 1);
  CHECK(bucket("4e-06") == 2);
  CHECK(bucket("0.001024") == 2);
  CHECK(bucket("0.002048") == 3);
  CHECK(bucket("1.048576") == 3);
  CHECK(bucket("137438.953472") == 3);
  CHECK(bucket("+Inf") == 3);
  CHECK(value(wait, name + "_sum", {{"manager", "m"}}) == 0.001503);
  CHECK(value(wait, name + "_count", {{"manager", "m"}}) == 3);
}

TEST_CASE("what is beyond the last bound is in the bucket +Inf alone") {
  Statistics statistics;
  statistics.hold.buckets.back() = 5;
  auto const page = parse_prometheus(to_prometheus(statistics, "m"));
  std::string const name = "pqlease_lease_hold_seconds";
  auto const &hold = find(page, name);
  CHECK(value(hold, name + "_bucket", {{"manager", "m"}, {"le", "137438.953472"}}) == 0);
  CHECK(value(hold, name + "_bucket", {{"manager", "m"}, {"le", "+Inf"}}) == 5);
  CHECK(value(hold, name + "_count", {{"manager", "m"}}) == 5);
}

TEST_CASE("several managers share the description of each metric") {
  std::array const managers{NamedStatistics{"orders", example()}, NamedStatistics{"audit", {.leases_granted = 7}}};
  auto const page = parse_prometheus(to_prometheus(managers));  // refuses a second description
  std::string const name = "pqlease_leases_granted_total";
  auto const &granted = find(page, name);
  CHECK(granted.samples.size() == 2);
  CHECK(value(granted, name, {{"manager", "orders"}}) == 3);
  CHECK(value(granted, name, {{"manager", "audit"}}) == 7);
  CHECK(find(page, "pqlease_lease_hold_seconds").samples.size() == 2 * (Histogram::bucket_count + 2));
}

TEST_CASE("a page of one manager is the same either way, and one of none is empty") {
  std::vector<NamedStatistics> managers{{"orders", example()}};
  CHECK(to_prometheus(managers) == to_prometheus(example(), "orders"));
  managers.clear();
  CHECK(to_prometheus(managers).empty());
}

TEST_CASE("two managers of the same name are refused") {
  std::vector<NamedStatistics> const same{{"orders", {}}, {"audit", {}}, {"orders", {}}};
  CHECK_THROWS_WITH_AS(static_cast<void>(to_prometheus(same)),
                       "two managers on one page have the label manager=\"orders\"", pqlease::UsageError);
  std::vector<NamedStatistics> const alike{{"\xFF", {}}, {"\xFE", {}}};
  CHECK_THROWS_AS(static_cast<void>(to_prometheus(alike)), pqlease::UsageError);
}

TEST_CASE("any name survives, however awkward") {
  for (auto const &name : {""s, "a b"s, "quote\"d"s, "back\\slash"s, "\\"s, "\\n"s, "two\nlines"s, "tab\tand\rreturn"s,
                           "{manager=\"x\"} 1 # HELP"s, "Gr\xC3\xB6\xC3\x9F"s, "postgres://me:***@host/db"s}) {
    CHECK(label_of(name) == name);
  }
}

TEST_CASE("what is no UTF-8 in a name is replaced, and NUL, too") {
  CHECK(label_of("latin \xE9t\xE9") == "latin \xEF\xBF\xBDt\xEF\xBF\xBD");
  CHECK(label_of("a\0b"s) == "a\xEF\xBF\xBD"s
                             "b");
}

TEST_CASE("the locale of the program has no influence") {
  struct Comma : std::numpunct<char> {
    [[nodiscard]] char do_decimal_point() const override { return ','; }
    [[nodiscard]] char do_thousands_sep() const override { return '.'; }
    [[nodiscard]] std::string do_grouping() const override { return "\3"; }
  };
  Statistics const statistics{.leases_granted = 1'234'567, .wait = {.buckets = {1}, .sum = 1'234'567'890us}};
  auto const page = to_prometheus(statistics, "m");
  auto const text = to_string(statistics);
  auto const before = std::locale::global(std::locale{std::locale::classic(), new Comma});
  auto const page_there = to_prometheus(statistics, "m");
  auto const text_there = to_string(statistics);
  std::locale::global(before);
  CHECK(page_there == page);
  CHECK(text_there == text);
  CHECK(page.find("_seconds_sum{manager=\"m\"} 1234.56789\n") != std::string::npos);
}

TEST_CASE("the parser of these tests refuses what is wrong with a page") {
  constexpr auto head = "# HELP a_total A.\n# TYPE a_total counter\n";
  CHECK_NOTHROW(static_cast<void>(parse_prometheus(head + "a_total{m=\"x\"} 1\n"s)));
  for (auto const *const samples :
       {"", "a_total{m=\"x\"} 1", "a_total{m=\"x\"} 1\n\n", "a_total{m=\"x\"} 1,5\n", "a_total{m=\"x\"} 1.5\n",
        "a_total{m=\"x\"} -1\n", "a_total{m=\"x\"} \n", "a_total{m=\"x\"} 1 \n", "b_total{m=\"x\"} 1\n",
        "a_total{m=\"x\"} 1\na_total{m=\"x\"} 2\n", "a_total{m=\"x} 1\n", "a_total{m=\"\\x\"} 1\n",
        "a_total{m=\"x\",m=\"y\"} 1\n", "a_total{m=\"x\"} 1\n# HELP a_total A.\n# TYPE a_total counter\n",
        "a_total{m=\"x\"} 1\n# HELP b_total B.\nb_total{m=\"x\"} 1\n"}) {
    CAPTURE(samples);
    CHECK_THROWS_AS(static_cast<void>(parse_prometheus(std::string{head} + samples)), std::runtime_error);
  }
}

TEST_CASE("the parser of these tests refuses what is wrong with a histogram") {
  constexpr auto head = "# HELP h H.\n# TYPE h histogram\n";
  auto const bucket = [](std::string const &le, int count) {
    return "h_bucket{m=\"x\",le=\"" + le + "\"} " + std::to_string(count) + '\n';
  };
  auto const sum = "h_sum{m=\"x\"} 1.5\n"s;
  auto const count = "h_count{m=\"x\"} 2\n"s;
  CHECK_NOTHROW(static_cast<void>(parse_prometheus(head + bucket("1", 1) + bucket("+Inf", 2) + sum + count)));
  for (auto const &samples : {bucket("1", 1) + sum + count, bucket("1", 2) + bucket("+Inf", 1) + sum + count,
                              bucket("1", 1) + bucket("1", 1) + bucket("+Inf", 2) + sum + count,
                              bucket("2", 1) + bucket("1", 1) + bucket("+Inf", 2) + sum + count,
                              bucket("+Inf", 2) + sum, bucket("+Inf", 2) + count, bucket("+Inf", 3) + sum + count,
                              bucket("+Inf", 2) + bucket("+Inf", 2) + sum + count, sum + count}) {
    CAPTURE(samples);
    CHECK_THROWS_AS(static_cast<void>(parse_prometheus(head + samples)), std::runtime_error);
  }
}

TEST_CASE("promtool has nothing to say about a page") {
  if (!has_promtool()) {
    MESSAGE("promtool is not here, so only the parser of these tests has read the pages");
    return;
  }
  std::vector<NamedStatistics> const managers{
      {"orders", example()}, {"a\\w\"k\nward \xFF\xC3\xB6", example()}, {"nul\0"s, {}}, {"", {}}};
  auto const result = pqlease::testing::run({"promtool", "check", "metrics"}, {.input = to_prometheus(managers)}, 60s);
  CHECK(result.output == "");
  CHECK(result.status == 0);
}

TEST_SUITE_END();
