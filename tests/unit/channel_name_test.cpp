#include "detail/notifications/channel_name.hpp"
#include <pqlease/errors.hpp>

#include <doctest/doctest.h>

#include <string>

using pqlease::UsageError;
using pqlease::detail::quoted_channel;
using pqlease::detail::require_channel_name;

TEST_SUITE_BEGIN("channel name");

TEST_CASE("a name is quoted as it is, its quotes doubled") {
  CHECK(quoted_channel("plain") == "\"plain\"");
  CHECK(quoted_channel("With Space") == "\"With Space\"");
  CHECK(quoted_channel("a\"b") == "\"a\"\"b\"");
  CHECK(quoted_channel("\"") == "\"\"\"\"");
  CHECK(quoted_channel("it's; DROP TABLE x --") == "\"it's; DROP TABLE x --\"");
}

TEST_CASE("a name that the server would refuse or cut off is refused") {
  CHECK_NOTHROW(require_channel_name("x"));
  CHECK_NOTHROW(require_channel_name(std::string(63, 'x')));
  CHECK_THROWS_WITH_AS(require_channel_name(""), "a channel's name must not be empty", UsageError);
  CHECK_THROWS_WITH_AS(require_channel_name(std::string(64, 'x')),
                       ("a channel's name has at most 63 bytes, and this one 64: " + std::string(64, 'x')).c_str(),
                       UsageError);
  CHECK_THROWS_AS(require_channel_name(std::string_view{"a\0b", 3}), UsageError);
}

TEST_SUITE_END();
