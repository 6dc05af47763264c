#include "detail/poison.hpp"

#include <doctest/doctest.h>
#include <pqxx/except>

#include <stdexcept>
#include <string>

using pqlease::detail::is_poisonous;

namespace {

std::exception_ptr sql_error(char const *sqlstate) {
  return std::make_exception_ptr(pqxx::sql_error{"message", "query", sqlstate});
}

}  // namespace

TEST_SUITE_BEGIN("poison");

TEST_CASE("a broken connection poisons the session") {
  CHECK(is_poisonous(std::make_exception_ptr(pqxx::broken_connection{"gone"})));
}

TEST_CASE("the SQLSTATEs of a session at its end poison it, also as a plain sql_error") {
  for (auto const *sqlstate : {"08000", "08003", "08006", "08P01", "57P01", "57P02", "57P03"}) {
    CAPTURE(sqlstate);
    CHECK(is_poisonous(sql_error(sqlstate)));
  }
}

TEST_CASE("an ordinary SQL error does not poison the session") {
  for (auto const *sqlstate : {"23505", "40001", "40P01", "42601", "57014", "25P02", "53300", ""}) {
    CAPTURE(sqlstate);
    CHECK_FALSE(is_poisonous(sql_error(sqlstate)));
  }
}

TEST_CASE("an application's error does not poison the session") {
  CHECK_FALSE(is_poisonous(std::make_exception_ptr(std::runtime_error{"08006"})));
  CHECK_FALSE(is_poisonous(std::make_exception_ptr(42)));
}

TEST_SUITE_END();
