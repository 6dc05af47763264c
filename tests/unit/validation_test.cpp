#include <pqlease/errors.hpp>
#include <pqlease/managed_connection.hpp>

#include <doctest/doctest.h>

#include <string>

using pqlease::InvalidConnectionString;
using pqlease::ManagedConnection;

TEST_SUITE_BEGIN("validation");

TEST_CASE("an unparsable connection string is refused without connecting") {
  CHECK_THROWS_WITH_AS(ManagedConnection{"postgres"},
                       "invalid connection string \"postgres\": missing \"=\" after \"postgres\"",
                       InvalidConnectionString);
  CHECK_THROWS_AS(ManagedConnection{"host='unterminated"}, InvalidConnectionString);
  CHECK_THROWS_AS(ManagedConnection{"postgres://[::1/db"}, InvalidConnectionString);
}

TEST_CASE("an unknown keyword is refused by its name") {
  CHECK_THROWS_WITH_AS(ManagedConnection{"hots=localhost dbname=x"},
                       "invalid connection string \"hots=*** dbname=x\": unknown keyword \"hots\"",
                       InvalidConnectionString);
  CHECK_THROWS_WITH_AS(ManagedConnection{"postgres:///postgres?hots=x"},
                       "invalid connection string \"postgres:///postgres?hots=***\": unknown URI parameter \"hots\"",
                       InvalidConnectionString);
}

TEST_CASE("a refused connection string shows no secret") {
  for (std::string const text :
       {"password=Sup3r-S3cret-pqlease hots=x", "hots=x password='Sup3r-S3cret-pqlease'",
        "password=first Sup3r-S3cret-pqlease", "password=first Sup3r-S3cret-pqlease=x", "pasword=Sup3r-S3cret-pqlease",
        "postgres://u:Sup3r-S3cret-pqlease@[::1/db", "postgres://u:a/Sup3r-S3cret-pqlease@h:1/db?hots=1",
        " postgres://u:Sup3r-S3cret-pqlease@h/db", "POSTGRES://u:Sup3r-S3cret-pqlease@h/db",
        "host=h password Sup3r-S3cret-pqlease", "password:Sup3r-S3cret-pqlease",
        "postgres://h/db?password=a&Sup3r-S3cret-pqlease", "postgres://u:pa/Sup3r-S3cret-pqlease?x@h/db",
        "postgres://h/db?pasword=Sup3r-S3cret-pqlease"}) {
    try {
      ManagedConnection const manager{text};
      FAIL("libpq took it");
    } catch (InvalidConnectionString const &error) {
      std::string const what{error.what()};
      MESSAGE(what);
      CHECK(what.find("S3cret") == std::string::npos);
    }
  }
}

TEST_CASE("a NUL character in a connection string is refused instead of cutting it short") {
  std::string const text{"dbname=x\0password=y", 19};
  CHECK_THROWS_AS(ManagedConnection{text}, InvalidConnectionString);
}

TEST_CASE("an empty function as provider is refused when the manager is made") {
  CHECK_THROWS_WITH_AS(ManagedConnection{std::function<std::string()>{}},
                       "the function that provides the connection string is empty", InvalidConnectionString);
}

TEST_CASE("an empty connection string means libpq's defaults, and says so") {
  CHECK(ManagedConnection{""}.conninfo() == "(libpq's defaults)");
}

TEST_SUITE_END();
