#pragma once

#include <string>
#include <string_view>

namespace pqlease::detail {

/// The text with U+FFFD in place of each byte that is no part of a well-formed sequence (The Unicode Standard, section
/// 3.9, table "Well-Formed UTF-8 Byte Sequences").
[[nodiscard]] std::string well_formed_utf8(std::string_view text);

}  // namespace pqlease::detail
