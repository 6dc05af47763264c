#include "detail/utf8.hpp"

#include <doctest/doctest.h>

#include <string>

using pqlease::detail::well_formed_utf8;
using namespace std::string_literals;

namespace {

std::string const replacement{"\xEF\xBF\xBD"};

std::string replacements(int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += replacement;
  return result;
}

}  // namespace

TEST_SUITE_BEGIN("utf8");

TEST_CASE("well-formed text stays as it is") {
  for (auto const &text : {""s, "plain"s, "\x01\x7F"s, "a\0b"s, "\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s,
                           "\xED\x9F\xBF"s, "\xEE\x80\x80"s, "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s,
                           "Gr\xC3\xB6\xC3\x9F"s
                           "e"s}) {
    CHECK(well_formed_utf8(text) == text);
  }
}

TEST_CASE("each byte that is no part of a well-formed sequence is replaced") {
  CHECK(well_formed_utf8("a\x80z") == "a" + replacements(1) + "z");
  CHECK(well_formed_utf8("a\xFFz") == "a" + replacements(1) + "z");
  CHECK(well_formed_utf8("a\xC3") == "a" + replacements(1));
  CHECK(well_formed_utf8("\xC3z") == replacements(1) + "z");
  CHECK(well_formed_utf8("\xE2\x82") == replacements(2));
  CHECK(well_formed_utf8("\xF0\x9F\x98z") == replacements(3) + "z");
  CHECK(well_formed_utf8("\xE2\x82\xC3\xB6") == replacements(2) + "\xC3\xB6");
}

TEST_CASE("overlong forms, surrogates and what is beyond U+10FFFF are not well-formed") {
  CHECK(well_formed_utf8("\xC0\x80") == replacements(2));
  CHECK(well_formed_utf8("\xC1\xBF") == replacements(2));
  CHECK(well_formed_utf8("\xE0\x9F\xBF") == replacements(3));
  CHECK(well_formed_utf8("\xED\xA0\x80") == replacements(3));
  CHECK(well_formed_utf8("\xF0\x8F\xBF\xBF") == replacements(4));
  CHECK(well_formed_utf8("\xF4\x90\x80\x80") == replacements(4));
  CHECK(well_formed_utf8("\xF5\x80\x80\x80") == replacements(4));
}

TEST_SUITE_END();
