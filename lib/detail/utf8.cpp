#include "detail/utf8.hpp"

#include <cstddef>

namespace pqlease::detail {
namespace {

// Within the range that the second byte of a sequence may have, which depends on the first.
bool second_byte_fits(unsigned lead, unsigned second) noexcept {
  switch (lead) {
  case 0xE0:
    return second >= 0xA0;  // less would be an overlong form
  case 0xED:
    return second <= 0x9F;  // more would be a surrogate
  case 0xF0:
    return second >= 0x90;  // less would be an overlong form
  case 0xF4:
    return second <= 0x8F;  // more would be beyond U+10FFFF
  default:
    return true;
  }
}

std::size_t length_after(unsigned lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// The length of the sequence that the text begins with; 0 when it is malformed.
std::size_t sequence_length(std::string_view text) noexcept {
  auto const byte = [&](std::size_t index) -> unsigned { return static_cast<unsigned char>(text[index]); };
  auto const length = length_after(byte(0));
  if (length > text.size()) return 0;
  for (std::size_t index = 1; index < length; ++index) {
    if ((byte(index) & 0xC0U) != 0x80) return 0;
  }
  return length < 2 || second_byte_fits(byte(0), byte(1)) ? length : 0;
}

}  // namespace

std::string well_formed_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto const length = sequence_length(text);
    result += length == 0 ? "\xEF\xBF\xBD" : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

}  // namespace pqlease::detail
