#include "detail/statement_book.hpp"
#include <pqlease/errors.hpp>

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using pqlease::UsageError;
using pqlease::detail::StatementBook;

namespace {

std::string contents(StatementBook const &book) {
  std::string text;
  for (auto const *entry = book.first(); entry != nullptr; entry = entry->next.load()) {
    text += entry->name + "=" + entry->sql + ";";
  }
  return text;
}

}  // namespace

TEST_SUITE_BEGIN("statement book");

TEST_CASE("statements are kept in order of registration") {
  StatementBook book;
  CHECK(book.size() == 0);
  CHECK(book.first() == nullptr);
  book.add("z", "SELECT 1");
  book.add("a", "SELECT 2");
  CHECK(book.size() == 2);
  CHECK(contents(book) == "z=SELECT 1;a=SELECT 2;");
}

TEST_CASE("the same statement under the same name changes nothing; another one is refused by its name") {
  StatementBook book;
  book.add("one", "SELECT 1");
  book.add("one", "SELECT 1");
  CHECK(book.size() == 1);
  CHECK_THROWS_WITH_AS(book.add("one", "SELECT 2"), "the name \"one\" stands for another prepared statement already",
                       UsageError);
  CHECK(contents(book) == "one=SELECT 1;");
  book.add("two", "SELECT 2");
  CHECK(book.size() == 2);
}

TEST_CASE("a name that is empty, and a NUL character that would cut something short, are refused") {
  StatementBook book;
  CHECK_THROWS_AS(book.add("", "SELECT 1"), UsageError);
  CHECK_THROWS_AS(book.add(std::string{"a\0b", 3}, "SELECT 1"), UsageError);
  CHECK_THROWS_AS(book.add("a", std::string{"SELECT 1\0", 9}), UsageError);
  CHECK(book.size() == 0);
}

TEST_CASE("a copy has the same statements, and goes its own way") {
  StatementBook book;
  book.add("one", "SELECT 1");
  StatementBook copy;
  copy.copy(book);
  copy.add("two", "SELECT 2");
  CHECK(contents(copy) == "one=SELECT 1;two=SELECT 2;");
  CHECK(book.size() == 1);
}

TEST_CASE("who reads while others register sees whole entries, as many as the size says") {
  StatementBook book;
  constexpr int each = 200;
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&, writer] {
        for (int i = 0; i < each; ++i) book.add(std::to_string(writer) + "/" + std::to_string(i), "SELECT 1");
      });
    }
    while (book.size() < 4 * each) {
      auto const size = book.size();
      std::size_t seen = 0;
      for (auto const *entry = book.first(); entry != nullptr; entry = entry->next.load()) {
        seen += entry->sql == "SELECT 1" && !entry->name.empty() ? 1 : 0;
      }
      REQUIRE(seen >= size);
    }
  }
  CHECK(book.size() == 4 * each);
}

TEST_SUITE_END();
