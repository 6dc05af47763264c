#include "detail/exit.hpp"

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>

using pqlease::detail::Exit;

namespace {

/// Asks while it is destroyed.
struct Asking {
  Exit exit;
  bool &may_throw;

  ~Asking() { may_throw = exit.may_throw(); }
};

/// What `exit` says while an exception is in flight.
bool may_throw_in_flight(Exit exit) {
  bool answer = true;
  try {
    Asking const asking{exit, answer};
    throw std::runtime_error{"in flight"};
  } catch (std::runtime_error const &) {
    return answer;
  }
}

/// Leaves a scope normally while an exception from outside of it is in flight.
struct Nested {
  bool &may_throw;

  ~Nested() { may_throw = Exit::since(std::uncaught_exceptions()).may_throw(); }
};

}  // namespace

TEST_SUITE_BEGIN("exit");

TEST_CASE("an exit that is known to be normal may throw whatever is in flight, and one by unwinding never") {
  CHECK(Exit::normal().may_throw());
  CHECK(may_throw_in_flight(Exit::normal()));
  CHECK_FALSE(Exit::unwinding().may_throw());
  CHECK_FALSE(may_throw_in_flight(Exit::unwinding()));
}

TEST_CASE("an exception forbids to throw while it is in flight") {
  auto const exit = Exit::since(std::uncaught_exceptions());
  CHECK(exit.may_throw());
  CHECK_FALSE(may_throw_in_flight(exit));
  CHECK(exit.may_throw());
}

TEST_CASE("an exception that is handled by now is not in flight") {
  auto const exit = Exit::since(std::uncaught_exceptions());
  try {
    throw std::runtime_error{"handled"};
  } catch (std::runtime_error const &) {
    CHECK(exit.may_throw());
  }
}

TEST_CASE("an exception that was in flight before is none of its business") {
  bool may_throw = false;
  try {
    Nested const nested{may_throw};
    throw std::runtime_error{"in flight"};
  } catch (std::runtime_error const &) {
    CHECK(may_throw);
  }
}

TEST_SUITE_END();
