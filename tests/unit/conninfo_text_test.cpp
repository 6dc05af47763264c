#include "detail/conninfo_text.hpp"

#include <doctest/doctest.h>

#include <vector>

using pqlease::detail::diagnose_conninfo;
using pqlease::detail::Keyword;
using pqlease::detail::mask_conninfo;
using pqlease::detail::redact;
using pqlease::detail::secret_pieces;

namespace {

Keyword classify(std::string_view keyword) {
  if (keyword == "password" || keyword == "sslpassword" || keyword == "passfile") return Keyword::secret;
  bool const known = keyword == "host" || keyword == "port" || keyword == "user" || keyword == "dbname" ||
                     keyword == "application_name";
  return known ? Keyword::shown : Keyword::unknown;
}

std::string masked(std::string_view text) { return mask_conninfo(text, &classify); }
std::string problem(std::string_view text) { return diagnose_conninfo(text, &classify); }

}  // namespace

TEST_SUITE_BEGIN("conninfo text");

TEST_CASE("a string without secrets is shown as it is") {
  CHECK(masked("postgres:///postgres") == "postgres:///postgres");
  CHECK(masked("postgresql://u@h1:5432,h2:5433/db?application_name=x") ==
        "postgresql://u@h1:5432,h2:5433/db?application_name=x");
  CHECK(masked("host=/tmp  port = 5432 user='a b' dbname=d\\ e") == "host=/tmp  port = 5432 user='a b' dbname=d\\ e");
  CHECK(masked("").empty());
}

TEST_CASE("every secret keyword is masked, however it is written") {
  CHECK(masked("password=hunter2 user=me") == "password=*** user=me");
  CHECK(masked("user=me password = 'hunter two'") == "user=me password = ***");
  CHECK(masked("password='it\\'s' dbname=d") == "password=*** dbname=d");
  CHECK(masked("password=hunter\\ two dbname=d") == "password=*** dbname=d");
  CHECK(masked("sslpassword=a passfile=/home/me/.pgpass password=b") == "sslpassword=*** passfile=*** password=***");
}

TEST_CASE("the rest of a secret with an unquoted space is masked too") {
  CHECK(masked("password=hunter two dbname=d") == "password=*** *** dbname=d");
  CHECK(masked("password=hunter tw=o dbname=d") == "password=*** *** dbname=d");
}

TEST_CASE("the value of a mistyped keyword is masked, since it may be a secret") {
  CHECK(masked("pasword=hunter2 user=me") == "pasword=*** user=me");
}

TEST_CASE("an unterminated secret is masked to the end") {
  CHECK(masked("password='hunter2 dbname=d") == "password=***");
}

TEST_CASE("the password part of a URI is masked, also with unescaped delimiters in it") {
  CHECK(masked("postgres://u:hunter2@h/db") == "postgres://u:***@h/db");
  CHECK(masked("postgresql://u:p@ss@h/db") == "postgresql://u:***@h/db");
  CHECK(masked("postgres://u:pa/ss@h/db") == "postgres://u:***@h/db");
  CHECK(masked("postgres://u:@h/db") == "postgres://u:@h/db");
}

TEST_CASE("secrets among the parameters of a URI are masked, also under an encoded or mistyped name") {
  CHECK(masked("postgres://h/db?password=x&user=me") == "postgres://h/db?password=***&user=me");
  CHECK(masked("postgres://h/db?pass%77ord=x") == "postgres://h/db?pass%77ord=***");
  CHECK(masked("postgres://h/db?pasword=x&user=me") == "postgres://h/db?pasword=***&user=me");
}

TEST_CASE("a URI in the place of a database name is masked as well") {
  CHECK(masked("dbname=postgres://u:hunter2@h/db") == "dbname=***");
  CHECK(masked("dbname='postgres://u:hunter2@h/db' user=me") == "dbname=*** user=me");
  CHECK(masked("postgres://h?dbname=postgres://h/db") == "postgres://h?dbname=***");
}

TEST_CASE("a password with a question mark in it is masked, with all that follows") {
  CHECK(masked("postgres://u:hunt?er2@h/db") == "postgres://u:***");
  CHECK(masked("postgres://u:a/hunt?er2@h/db?user=x") == "postgres://u:***");
  CHECK(masked("postgres://u@h:1/db?password=a@b:c") == "postgres://u@h:***");
}

TEST_CASE("the rest of a secret parameter with an unencoded delimiter is masked too") {
  CHECK(masked("postgres://h/db?password=first&hunter2") == "postgres://h/db?password=***&***");
  CHECK(masked("postgres://h/db?password=first&hunt=er2&user=me") == "postgres://h/db?password=***&***&user=me");
  CHECK(problem("postgres://h/db?password=first&hunter2").starts_with("stray text after a secret URI parameter"));
}

TEST_CASE("a URI that libpq does not take for one shows nothing") {
  for (auto const *text : {" postgres://u:hunter2@h/db", "POSTGRES://u:hunter2@h/db", "mysql+x://u:hunt=er2@h/db"}) {
    CAPTURE(text);
    CHECK(masked(text).find("hunt") == std::string::npos);
    CHECK(masked(text).find("er2") == std::string::npos);
    CHECK(problem(text).find("er2") == std::string::npos);
  }
}

TEST_CASE("settings in another notation show no secret") {
  for (auto const *text : {"host=h password hunter2", "password: hunter2", "password:hunter2",
                           "host=h;password=hunter2", "host=h,Password=hunter2", "host=h;pwd=hunter2"}) {
    CAPTURE(text);
    CHECK(masked(text).find("hunter2") == std::string::npos);
    CHECK(problem(text).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("what is wrong is named by its word") {
  CHECK(problem("hots=localhost") == "unknown keyword \"hots\"");
  CHECK(problem("host=localhost dbname") == "missing \"=\" after \"dbname\"");
  CHECK(problem("postgres") == "missing \"=\" after \"postgres\"");
  CHECK(problem("host='local") == "unterminated quote in the value of \"host\"");
  CHECK(problem("postgres://h/db?hots=x") == "unknown URI parameter \"hots\"");
  CHECK(problem("postgres://h/db?host") == "missing \"=\" after the URI parameter \"host\"");
  CHECK(problem("postgres://[::1/db") == "malformed URI");
}

TEST_CASE("a bad word that may be part of a secret is not named") {
  for (auto const *text : {"password=hunter two", "password=hunter tw=o", "user=me password=hunter  two dbname=d"}) {
    CHECK(problem(text) == "stray text after the value of \"password\"; a value with spaces needs quotes");
  }
}

TEST_CASE("secrets are replaced in a message of any language, but for the shortest") {
  std::vector<std::string> const secrets{"hunter2", "sss", "ss"};
  CHECK(redact("could not translate host name \"sss@h\" to address", secrets) ==
        "could not translate host name \"***@h\" to address");
  CHECK(redact("password authentication failed for user \"hunter2\"", secrets) ==
        "password authentication failed for user \"***\"");
  CHECK(redact("»hunter2@h« ist unbekannt", secrets) == "»***@h« ist unbekannt");
}

TEST_CASE("the pieces of a URI's password that libpq may take for something else are known") {
  CHECK(secret_pieces("postgres://u:pa/s:s@w@h/db") == std::vector<std::string>{"pa", "s", "s", "w"});
  CHECK(secret_pieces("postgres://h:5432/db").empty());
  CHECK(secret_pieces("password=x").empty());
}

TEST_SUITE_END();
