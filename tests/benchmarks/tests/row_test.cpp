#include "measure/row.hpp"
#include "measure/table.hpp"

#include <doctest/doctest.h>

using namespace pqlease::benchmarks;

TEST_SUITE_BEGIN("row");

TEST_CASE("the median of the rounds decides, and a limit that is just reached holds") {
  Row row{.name = "shares", .limit = Limit{Bound::at_least, 0.9}, .figures = {0.1, 0.9, 1.5}};
  CHECK(row.holds());
  row.figures = {0.1, 0.89, 1.5};
  CHECK_FALSE(row.holds());
}

TEST_CASE("an upper limit is missed by what lies above it") {
  Row row{.name = "waits", .limit = Limit{Bound::at_most, 0}, .figures = {0}};
  CHECK(row.holds());
  row.figures = {1};
  CHECK_FALSE(row.holds());
}

TEST_CASE("a figure that is no number misses every limit") {
  for (auto const bound : {Bound::at_least, Bound::at_most}) {
    CHECK_FALSE(Row{.name = "nothing by nothing", .limit = Limit{bound, 1}, .figures = {0.0 / 0.0}}.holds());
  }
}

TEST_CASE("a row without a limit always holds") { CHECK(Row{.name = "to be read", .figures = {1e9}}.holds()); }

TEST_CASE("a line of the table shows the median, the quartiles, the limit and the verdict") {
  Row const row{.name = "a row",
                .limit = Limit{Bound::at_least, 0.97},
                .figures = {0.95, 0.96, 0.961, 0.98, 1.02},
                .sides = Sides{12345, 12.34, "SELECTs/s"}};
  auto const line = table_line(row);
  CAPTURE(line);
  for (auto const *part : {"a row", " 0.961 ", "0.960 .. 0.980", ">= 0.97", "MISSED", " 12345 ", " 12.3 ", "SELECTs/s"})
    CHECK(line.find(part) != std::string::npos);
}

TEST_SUITE_END();
