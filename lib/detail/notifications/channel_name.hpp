#pragma once

#include <string>
#include <string_view>

namespace pqlease::detail {

/// As a channel's name in SQL: exactly this name, whatever is in it.
[[nodiscard]] std::string quoted_channel(std::string_view channel);

/// Throws: UsageError for a name that the server would not take, or would cut off: an empty one, one of more than 63
/// bytes, or with a zero byte in it. Source: PostgreSQL, chapter "SQL Syntax", "Identifiers and Key Words".
void require_channel_name(std::string_view channel);

}  // namespace pqlease::detail
