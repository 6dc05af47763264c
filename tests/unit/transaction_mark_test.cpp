#include "detail/transaction_mark.hpp"

#include <doctest/doctest.h>

#include <string>

using pqlease::detail::fate_question;
using pqlease::detail::mark_question;

TEST_SUITE_BEGIN("transaction mark");

TEST_CASE("without positions the id alone has to do") {
  auto const question = fate_question({.id = 4'294'967'999});
  CHECK(question.find("pg_xact_status('4294967999'::xid8)") != std::string::npos);
  CHECK(question.find("recovered_to") == std::string::npos);
  CHECK(std::string{mark_question(false)}.find("wal") == std::string::npos);
}

TEST_CASE("a server that had never recovered has no position of that kind") {
  auto const question = fate_question({.id = 7, .written_to = "0/1A"});
  CHECK(question.find("recovered_to IS DISTINCT FROM NULL::pg_lsn") != std::string::npos);
  CHECK(question.find("recovered_to < '0/1A'::pg_lsn") != std::string::npos);
}

TEST_CASE("a recovery that had ended before is none that has ended since") {
  auto const question = fate_question({.id = 7, .written_to = "0/1A", .recovered_to = "0/12", .started_at = "34"});
  CHECK(question.find("recovered_to IS DISTINCT FROM '0/12'::pg_lsn OR ") != std::string::npos);
  CHECK(question.find(" IS DISTINCT FROM '34'::bigint") != std::string::npos);
}

TEST_SUITE_END();
