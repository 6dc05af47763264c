#include "support/psql.hpp"
#include "support/standby_server.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using pqlease::testing::psql;
using pqlease::testing::ServerPair;
using pqlease::testing::StopMode;

TEST_SUITE_BEGIN("standby server");

TEST_CASE("what is committed on the primary is on the standby, which takes over when it is promoted") {
  std::filesystem::path folder;
  {
    ServerPair pair;
    folder = pair.standby.folder();
    psql(pair.primary.conninfo(), "CREATE TABLE example AS SELECT 1 AS key");
    CHECK(psql(pair.primary.conninfo(), "SELECT sync_state FROM pg_stat_replication") == "sync");
    CHECK(psql(pair.standby.conninfo(), "SELECT pg_is_in_recovery()") == "t");
    CHECK_THROWS_AS(psql(pair.standby.conninfo(), "INSERT INTO example VALUES (2)"), std::runtime_error);

    pair.primary.stop(StopMode::immediate);
    pair.standby.promote();
    CHECK(psql(pair.standby.conninfo(), "INSERT INTO example VALUES (2); SELECT sum(key) FROM example") == "3");
  }
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_SUITE_END();
