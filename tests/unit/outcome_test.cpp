#include "detail/outcome.hpp"

#include <doctest/doctest.h>

using pqlease::detail::Fate;
using pqlease::detail::fate_of;
using pqlease::detail::Reply;

TEST_SUITE_BEGIN("outcome");

TEST_CASE("what the server says of a finished transaction is final") {
  CHECK(fate_of({.outcome = Reply::Outcome::carried_out, .value = "committed"}) == Fate::committed);
  CHECK(fate_of({.outcome = Reply::Outcome::carried_out, .value = "aborted"}) == Fate::rolled_back);
}

TEST_CASE("a transaction in progress, and a question without an answer, decide nothing") {
  CHECK(fate_of({.outcome = Reply::Outcome::carried_out, .value = "in progress"}) == Fate::undecided);
  CHECK(fate_of({}) == Fate::undecided);
  CHECK(fate_of({.outcome = Reply::Outcome::refused, .sqlstate = "57P01"}) == Fate::undecided);
}

TEST_CASE("a transaction so old that its outcome was forgotten stays unknown") {
  CHECK(fate_of({.outcome = Reply::Outcome::carried_out, .value = ""}) == Fate::unknown);
}

TEST_CASE("an id that the server has not given out yet belongs to a transaction that it has lost") {
  CHECK(fate_of({.outcome = Reply::Outcome::refused, .sqlstate = "22023"}) == Fate::rolled_back);
}

TEST_SUITE_END();
