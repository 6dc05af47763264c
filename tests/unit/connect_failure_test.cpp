#include "detail/connect_failure.hpp"

#include <doctest/doctest.h>

using pqlease::detail::ConnectFailure;
using pqlease::detail::read_refusal;

namespace {

void check(std::string const &verbose, std::string const &message, std::string const &sqlstate) {
  auto const failure = read_refusal(verbose);
  CHECK(failure.message == message);
  CHECK(failure.sqlstate == sqlstate);
}

}  // namespace

TEST_SUITE_BEGIN("connect failure");

TEST_CASE("a server's refusal is told from its SQLSTATE and its place in the source") {
  check("connection to server failed: FATAL:  28P01: password authentication failed for user \"me\"\n"
        "LOCATION:  auth_failed, auth.c:335\n",
        "connection to server failed: FATAL:  password authentication failed for user \"me\"", "28P01");
}

TEST_CASE("the words for severity and place may be in any language") {
  check("FATAL:  3D000: Datenbank »x« existiert nicht\nORT:  InitPostgres, postinit.c:941",
        "FATAL:  Datenbank »x« existiert nicht", "3D000");
}

TEST_CASE("a detail or a hint stays") {
  check("FATAL:  53300: too many\nHINT:  Raise max_connections.\nLOCATION:  InitProcess, proc.c:355\n",
        "FATAL:  too many\nHINT:  Raise max_connections.", "53300");
}

TEST_CASE("a message that no server wrote stays as it is") {
  check("connection to server failed: Connection refused\n\tIs the server running?\n",
        "connection to server failed: Connection refused\n\tIs the server running?", "");
  check("", "", "");
}

TEST_CASE("a message that only begins like a refusal stays as it is") {
  for (auto const *text :
       {":  ", "x:  ", "x:  28P0", "x:  28P01", "x:  28P01:", "x:  28p01: y", "x:  a:  b:  ", "\n:  , .c:"}) {
    CAPTURE(text);
    CHECK(read_refusal(text).sqlstate.empty());
    CHECK_NOTHROW(static_cast<void>(read_refusal(text)));
  }
}

TEST_CASE("a refusal of any length is read") {
  std::string const words(1'000'000, 'x');
  check("FATAL:  28000: " + words + "\nLOCATION:  f, a.c:1\n", "FATAL:  " + words, "28000");
}

TEST_SUITE_END();
