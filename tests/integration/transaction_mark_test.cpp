// What becomes of a transaction, as a server tells it that has recovered from a crash.

#include "detail/transaction_mark.hpp"
#include "support/throwaway_server.hpp"

#include <doctest/doctest.h>
#include <pqxx/pqxx>

#include <cstdint>
#include <string>

using pqlease::detail::fate_question;
using pqlease::detail::mark_question;
using pqlease::detail::TransactionMark;
using pqlease::testing::StopMode;
using pqlease::testing::ThrowawayServer;

TEST_SUITE_BEGIN("transaction mark");

TEST_CASE("a server that has recovered to the same position as another one is not taken for it") {
  ThrowawayServer server;
  server.restart(StopMode::immediate);
  pqxx::connection session{server.conninfo()};
  TransactionMark mark;
  {
    pqxx::work tx{session};
    tx.exec("CREATE TABLE kept (id integer)");
    auto const [id, written_to, recovered_to, started_at] =
        tx.query1<std::uint64_t, std::string, std::string, std::string>(mark_question(true));
    mark = {.id = id, .written_to = written_to, .recovered_to = recovered_to, .started_at = started_at};
    tx.commit();
  }
  auto const fate = [&] { return pqxx::nontransaction{session}.query_value<std::string>(fate_question(mark)); };
  CHECK(fate() == "committed");
  mark.started_at = "1";
  CHECK(fate() == "aborted");
  mark.written_to = mark.recovered_to;
  CHECK(fate() == "committed");
}

TEST_SUITE_END();
