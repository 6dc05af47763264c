#include "detail/block_text.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using pqlease::AccessMode;
using pqlease::IsolationLevel;
using pqlease::detail::begin_text;
using pqlease::detail::Characteristics;
using pqlease::detail::CommandText;
using pqlease::detail::enter_text;
using pqlease::detail::ReadOnly;
using pqlease::detail::release_text;
using pqlease::detail::roll_back_text;

namespace {

std::string begin(Characteristics const &wanted, ReadOnly read_only = ReadOnly::as_begun) {
  return std::string{begin_text(wanted, read_only).view()};
}

std::string enter(Characteristics const &wanted, std::size_t level, ReadOnly read_only = ReadOnly::as_begun) {
  return std::string{enter_text(wanted, level, read_only).view()};
}

}  // namespace

TEST_SUITE_BEGIN("block text");

TEST_CASE("BEGIN names what is asked for, and nothing else") {
  CHECK(begin({}) == "BEGIN");
  CHECK(begin({.isolation = IsolationLevel::read_committed}) == "BEGIN ISOLATION LEVEL READ COMMITTED");
  CHECK(begin({.isolation = IsolationLevel::repeatable_read}) == "BEGIN ISOLATION LEVEL REPEATABLE READ");
  CHECK(begin({.access = AccessMode::read_write}) == "BEGIN READ WRITE");
  CHECK(begin({.deferrable = false}) == "BEGIN NOT DEFERRABLE");
  CHECK(begin({.isolation = IsolationLevel::serializable, .access = AccessMode::read_only, .deferrable = true}) ==
        "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE");
}

TEST_CASE("a transaction that is to stay read-only is sealed by a savepoint") {
  CHECK(begin({.access = AccessMode::read_only}, ReadOnly::sealed) == "BEGIN READ ONLY; SAVEPOINT pqlease_0");
}

TEST_CASE("a nested block is a savepoint, and one without has nothing to send") {
  CHECK(enter({}, 1) == "SAVEPOINT pqlease_1");
  CHECK(enter({}, 0).empty());
  CHECK(std::string{release_text(12).view()} == "RELEASE SAVEPOINT pqlease_12");
  CHECK(std::string{roll_back_text(3).view()} == "ROLLBACK TO SAVEPOINT pqlease_3; RELEASE SAVEPOINT pqlease_3");
}

TEST_CASE("what concerns the whole transaction goes before the savepoint, read-only after it") {
  CHECK(enter({.isolation = IsolationLevel::serializable, .deferrable = true}, 1) ==
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, DEFERRABLE; SAVEPOINT pqlease_1");
  CHECK(enter({.access = AccessMode::read_write}, 1) == "SET TRANSACTION READ WRITE; SAVEPOINT pqlease_1");
  CHECK(enter({.access = AccessMode::read_only}, 2) == "SAVEPOINT pqlease_2; SET TRANSACTION READ ONLY");
  CHECK(enter({.isolation = IsolationLevel::serializable, .access = AccessMode::read_only}, 1) ==
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SAVEPOINT pqlease_1; SET TRANSACTION READ ONLY");
  CHECK(enter({.isolation = IsolationLevel::serializable, .access = AccessMode::read_only}, 0) ==
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY");
  CHECK(enter({.access = AccessMode::read_only}, 0) == "SET TRANSACTION READ ONLY");
}

TEST_CASE("a seal is broken only for what it would forbid") {
  CHECK(enter({.access = AccessMode::read_write}, 1, ReadOnly::sealed) ==
        "RELEASE SAVEPOINT pqlease_0; SET TRANSACTION READ WRITE; SAVEPOINT pqlease_1");
  CHECK(enter({.access = AccessMode::read_only}, 1, ReadOnly::sealed) ==
        "SAVEPOINT pqlease_1; SET TRANSACTION READ ONLY");
  CHECK(enter({}, 1, ReadOnly::sealed) == "SAVEPOINT pqlease_1");
}

TEST_CASE("the longest command fits") {
  auto const longest =
      enter_text({.isolation = IsolationLevel::repeatable_read, .access = AccessMode::read_write, .deferrable = false},
                 std::numeric_limits<std::size_t>::max(), ReadOnly::sealed);
  CHECK(longest.view().ends_with("SAVEPOINT pqlease_" + std::to_string(std::numeric_limits<std::size_t>::max())));
  CHECK(longest.view().size() < CommandText::capacity);
  CHECK(std::string{longest.c_str()} == longest.view());
}

TEST_SUITE_END();
