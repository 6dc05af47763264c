#include <pqlease/prometheus.hpp>

#include "detail/statistics_fields.hpp"
#include "detail/utf8.hpp"
#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace pqlease {
namespace {

// A manager's statistics with the label that its samples bear, `manager="..."`.
struct Labelled {
  std::string label;
  Statistics const &statistics;
};

std::string label_for(std::string_view manager_name) {
  std::string label{"manager=\""};
  for (char const c : detail::well_formed_utf8(manager_name)) {
    switch (c) {
    case '\\':
      label += "\\\\";
      break;
    case '"':
      label += "\\\"";
      break;
    case '\n':
      label += "\\n";
      break;
    case '\0':
      label += "\xEF\xBF\xBD";  // legal in UTF-8, but the end of the input or nothing at all to a parser
      break;
    default:
      label += c;
    }
  }
  return label += '"';
}

void require_distinct(std::vector<Labelled> const &managers) {
  std::vector<std::string_view> labels;
  labels.reserve(managers.size());
  for (auto const &manager : managers) labels.emplace_back(manager.label);
  std::ranges::sort(labels);
  auto const twice = std::ranges::adjacent_find(labels);
  if (twice != labels.end()) throw UsageError{fmt::format("two managers on one page have the label {}", *twice)};
}

// Seconds as the shortest decimal that reads back as the same number.
double seconds(std::chrono::microseconds duration) { return static_cast<double>(duration.count()) / 1e6; }

template <class... Arguments>
void append(std::string &page, fmt::format_string<Arguments...> format, Arguments &&...arguments) {
  fmt::format_to(std::back_inserter(page), format, std::forward<Arguments>(arguments)...);
}

void describe(std::string &page, std::string_view name, std::string_view type, std::string_view meaning) {
  append(page, "# HELP {} {}\n# TYPE {} {}\n", name, meaning, name, type);
}

void append_samples(std::string &page, std::string_view name, std::string_view label, Histogram const &histogram) {
  std::uint64_t cumulative = 0;
  for (std::size_t index = 0; index < Histogram::finite_buckets; ++index) {
    cumulative += histogram.buckets[index];
    append(page, "{}_bucket{{{},le=\"{}\"}} {}\n", name, label, seconds(Histogram::upper_bound(index)), cumulative);
  }
  auto const count = histogram.count();
  append(page, "{}_bucket{{{},le=\"+Inf\"}} {}\n", name, label, count);
  append(page, "{}_sum{{{}}} {}\n{}_count{{{}}} {}\n", name, label, seconds(histogram.sum), name, label, count);
}

std::string page_of(std::vector<Labelled> const &managers) {
  std::string page;
  if (managers.empty()) return page;
  for (auto const &field : detail::counter_fields) {
    auto const name = fmt::format("pqlease_{}_total", field.name);
    describe(page, name, "counter", field.meaning);
    for (auto const &[label, statistics] : managers)
      append(page, "{}{{{}}} {}\n", name, label, statistics.*field.value);
  }
  for (auto const &field : detail::histogram_fields) {
    auto const name = fmt::format("pqlease_{}_seconds", field.name);
    describe(page, name, "histogram", field.meaning);
    for (auto const &[label, statistics] : managers) append_samples(page, name, label, statistics.*field.value);
  }
  return page;
}

}  // namespace

std::string to_prometheus(std::span<NamedStatistics const> managers) {
  std::vector<Labelled> labelled;
  labelled.reserve(managers.size());
  for (auto const &[name, statistics] : managers) labelled.push_back({label_for(name), statistics});
  require_distinct(labelled);
  return page_of(labelled);
}

std::string to_prometheus(Statistics const &statistics, std::string_view manager_name) {
  return page_of({{label_for(manager_name), statistics}});
}

}  // namespace pqlease
