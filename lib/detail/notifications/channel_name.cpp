#include "detail/notifications/channel_name.hpp"

#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

namespace pqlease::detail {
namespace {

constexpr std::size_t longest_name = 63;  // NAMEDATALEN - 1

}  // namespace

std::string quoted_channel(std::string_view channel) {
  std::string quoted{'"'};
  for (char const c : channel) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted += '"';
}

void require_channel_name(std::string_view channel) {
  if (channel.empty()) throw UsageError{"a channel's name must not be empty"};
  if (channel.size() > longest_name) {
    throw UsageError{fmt::format("a channel's name has at most {} bytes, and this one {}: {}", longest_name,
                                 channel.size(), channel)};
  }
  if (channel.find('\0') != std::string_view::npos) throw UsageError{"a channel's name must not have a zero byte"};
}

}  // namespace pqlease::detail
