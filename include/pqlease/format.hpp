#pragma once

#include <pqlease/histogram.hpp>
#include <pqlease/managed_connection.hpp>
#include <pqlease/statistics.hpp>
#include <pqlease/status.hpp>

#include <spdlog/fmt/fmt.h>

#include <sstream>
#include <string_view>

// Formatting with the library that spdlog was built with: fmt, or std::format.
#if defined(SPDLOG_USE_STD_FORMAT)
#include <format>
#define PQLEASE_FORMATTER std::formatter
#else
#define PQLEASE_FORMATTER fmt::formatter
#endif

template <> struct PQLEASE_FORMATTER<pqlease::Status> : PQLEASE_FORMATTER<std::string_view> {
  template <class Context> auto format(pqlease::Status status, Context &context) const {
    return PQLEASE_FORMATTER<std::string_view>::format(pqlease::to_string(status), context);
  }
};

template <> struct PQLEASE_FORMATTER<pqlease::Histogram> : PQLEASE_FORMATTER<std::string_view> {
  template <class Context> auto format(pqlease::Histogram const &histogram, Context &context) const {
    return PQLEASE_FORMATTER<std::string_view>::format(pqlease::to_string(histogram), context);
  }
};

template <> struct PQLEASE_FORMATTER<pqlease::Statistics> : PQLEASE_FORMATTER<std::string_view> {
  template <class Context> auto format(pqlease::Statistics const &statistics, Context &context) const {
    return PQLEASE_FORMATTER<std::string_view>::format(pqlease::to_string(statistics), context);
  }
};

template <> struct PQLEASE_FORMATTER<pqlease::ManagedConnection> : PQLEASE_FORMATTER<std::string_view> {
  template <class Context> auto format(pqlease::ManagedConnection const &manager, Context &context) const {
    std::ostringstream text;
    text << manager;
    return PQLEASE_FORMATTER<std::string_view>::format(text.view(), context);
  }
};

#undef PQLEASE_FORMATTER
