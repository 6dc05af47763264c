#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pqlease::testing {

/// A line with a value in Prometheus' text exposition format.
struct PrometheusSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value{};
};

/// A metric with its description and its samples.
struct PrometheusMetric {
  std::string name;
  std::string type;
  std::string help;
  std::vector<PrometheusSample> samples;
};

/// Reads a page, more strictly than Prometheus would: each metric has a HELP and a TYPE line, in this order, then its
/// samples and nothing else; counters are whole; the buckets of a histogram grow up to +Inf, which is its count; no
/// series comes twice. Only counters and histograms, without time stamps. Throws: std::runtime_error with the line that
/// is wrong.
[[nodiscard]] std::vector<PrometheusMetric> parse_prometheus(std::string_view page);

}  // namespace pqlease::testing
