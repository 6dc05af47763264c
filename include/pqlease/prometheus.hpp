#pragma once

#include <pqlease/export.hpp>
#include <pqlease/statistics.hpp>

#include <span>
#include <string>
#include <string_view>

namespace pqlease {

/// The statistics of one manager among several.
struct NamedStatistics {
  std::string manager_name;
  Statistics statistics{};
};

/// The statistics of some managers in Prometheus' text exposition format, version 0.0.4: the body of an answer with
/// `Content-Type: text/plain; version=0.0.4; charset=utf-8`.
///
/// The number FIELD of Statistics is the counter `pqlease_FIELD_total`; the two histograms are
/// `pqlease_lease_wait_seconds` and `pqlease_lease_hold_seconds`. Each metric is described once, followed by the
/// samples of all managers, told apart by the label `manager`. The text may be joined with metrics of other origin, but
/// not with another text of this function: a page must describe no metric twice.
///
/// A name may be any text. What is no UTF-8 in it, which the format demands, becomes U+FFFD, byte by byte; so does a
/// NUL. To Prometheus an empty name is the same as no label.
///
/// A bucket counts what took less than its bound, where Prometheus' `le` would count what took just as long, too.
///
/// No manager gives an empty text. Thread safety: any thread; the locale has no influence.
/// Throws: UsageError when two of the names come out the same: their samples would not be told apart.
[[nodiscard]] PQLEASE_API std::string to_prometheus(std::span<NamedStatistics const> managers);

/// The same for a program with one manager.
[[nodiscard]] PQLEASE_API std::string to_prometheus(Statistics const &statistics, std::string_view manager_name);

}  // namespace pqlease
