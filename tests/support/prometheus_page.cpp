#include "support/prometheus_page.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

namespace pqlease::testing {
namespace {

using Labels = std::map<std::string, std::string>;

constexpr double infinity = std::numeric_limits<double>::infinity();

void require(bool condition, std::string const &what) {
  if (!condition) throw std::runtime_error{what};
}

double number(std::string_view text) {
  if (text == "+Inf") return infinity;
  double value{};
  auto const [end, error] = std::from_chars(text.begin(), text.end(), value);
  require(error == std::errc{} && end == text.end() && std::isfinite(value), "no number: " + std::string{text});
  return value;
}

/// Reads one line from left to right.
class Line {
public:
  explicit Line(std::string_view rest) : rest_{rest} {}

  void expect(std::string_view text) {
    require(skip(text), "expected '" + std::string{text} + "' before '" + std::string{rest_} + "'");
  }

  bool skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  std::string name() {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_";
    auto const length = std::min(rest_.find_first_not_of(letters), rest_.size());
    require(length > 0, "expected a name before '" + std::string{rest_} + "'");
    return take(length);
  }

  std::string quoted() {
    expect("\"");
    std::string value;
    while (!skip("\"")) {
      if (skip("\\\\")) {
        value += '\\';
      } else if (skip("\\\"")) {
        value += '"';
      } else if (skip("\\n")) {
        value += '\n';
      } else {
        require(!rest_.empty() && rest_.front() != '\\', "a quoted text with a wrong end or escape");
        value += take(1);
      }
    }
    return value;
  }

  std::string to_end() { return take(rest_.size()); }

private:
  std::string take(std::size_t length) {
    std::string const taken{rest_.substr(0, length)};
    rest_.remove_prefix(length);
    return taken;
  }

  std::string_view rest_;
};

PrometheusSample parse_sample(Line line) {
  PrometheusSample sample{.name = line.name(), .labels = {}};
  line.expect("{");
  do {
    auto const label = line.name();
    line.expect("=");
    require(sample.labels.emplace(label, line.quoted()).second, "label " + label + " comes twice");
  } while (line.skip(","));
  line.expect("} ");
  sample.value = number(line.to_end());
  return sample;
}

bool is_whole(double value) { return value >= 0 && std::floor(value) == value; }

void check_counter(PrometheusMetric const &metric) {
  require(metric.name.ends_with("_total"), metric.name + ": the name of a counter ends with _total");
  for (auto const &sample : metric.samples) {
    require(sample.name == metric.name, sample.name + " is among the samples of " + metric.name);
    require(is_whole(sample.value), sample.name + " is not a whole number");
  }
}

/// Checks the samples of a histogram in their order: buckets, sum, count; and anew for other labels.
class HistogramCheck {
public:
  explicit HistogramCheck(std::string name) : name_{std::move(name)} {}

  void next(PrometheusSample const &sample) {
    auto labels = sample.labels;
    auto const bound = labels.extract("le");
    if (state_ == State::start) {
      labels_ = labels;
      bound_ = -infinity;
      count_ = 0;
      state_ = State::buckets;
    }
    require(labels == labels_, sample.name + " is in the middle of another histogram");
    require(bound.empty() == (state_ != State::buckets), sample.name + ": out of order");
    if (state_ == State::buckets) return next_bucket(sample, number(bound.mapped()));
    require(sample.name == name_ + (state_ == State::sum ? "_sum" : "_count"), sample.name + ": out of order");
    if (state_ == State::count) require(sample.value == count_, name_ + ": the count is not that of the last bucket");
    state_ = state_ == State::sum ? State::count : State::start;
  }

  void end() const { require(state_ == State::start, name_ + " is not complete"); }

private:
  enum class State {
    start,    // before the first bucket
    buckets,  // before another bucket
    sum,      // after the last bucket
    count,    // after the sum
  };

  void next_bucket(PrometheusSample const &sample, double bound) {
    require(sample.name == name_ + "_bucket", sample.name + ": out of order");
    require(bound > bound_, name_ + ": the bounds do not grow");
    require(is_whole(sample.value) && sample.value >= count_, name_ + ": the buckets do not grow");
    bound_ = bound;
    count_ = sample.value;
    if (bound == infinity) state_ = State::sum;
  }

  std::string name_;
  State state_{State::start};
  Labels labels_;
  double bound_{};
  double count_{};
};

void check(PrometheusMetric const &metric) {
  require(!metric.samples.empty(), metric.name + " has no samples");
  if (metric.type == "counter") return check_counter(metric);
  require(metric.type == "histogram", metric.name + ": no type is " + metric.type);
  HistogramCheck histogram{metric.name};
  for (auto const &sample : metric.samples) histogram.next(sample);
  histogram.end();
}

/// A page as it is read, line by line.
class Page {
public:
  void add(std::string_view text) {
    Line line{text};
    if (line.skip("# HELP ")) return begin_metric(line);
    require(!metrics_.empty(), "a sample or a type comes before the first metric");
    if (line.skip("# TYPE ")) return add_type(line);
    require(!metrics_.back().type.empty(), "a sample comes before the type");
    auto sample = parse_sample(line);
    require(series_.emplace(sample.name, sample.labels).second, "the series comes twice");
    metrics_.back().samples.push_back(std::move(sample));
  }

  std::vector<PrometheusMetric> take() && {
    for (auto const &metric : metrics_) check(metric);
    return std::move(metrics_);
  }

private:
  void begin_metric(Line line) {
    auto const name = line.name();
    require(names_.insert(name).second, name + " is described twice");
    line.expect(" ");
    metrics_.push_back({.name = name, .type = {}, .help = line.to_end(), .samples = {}});
    require(!metrics_.back().help.empty() && metrics_.back().help.find('\\') == std::string::npos, "no plain help");
  }

  void add_type(Line line) {
    auto &metric = metrics_.back();
    require(metric.type.empty(), "a second type");
    line.expect(metric.name + " ");
    metric.type = line.name();
    require(line.to_end().empty(), "more than a type");
  }

  std::vector<PrometheusMetric> metrics_;
  std::set<std::string> names_;
  std::set<std::pair<std::string, Labels>> series_;
};

}  // namespace

std::vector<PrometheusMetric> parse_prometheus(std::string_view page) {
  Page result;
  while (!page.empty()) {
    auto const end = page.find('\n');
    require(end != std::string_view::npos, "the last line has no end");
    auto const line = page.substr(0, end);
    try {
      result.add(line);
    } catch (std::runtime_error const &error) {
      throw std::runtime_error{std::string{error.what()} + " in the line: " + std::string{line}};
    }
    page.remove_prefix(end + 1);
  }
  return std::move(result).take();
}

}  // namespace pqlease::testing
