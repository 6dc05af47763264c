#include "support/standby_server.hpp"

#include "support/detail/poll_until.hpp"
#include "support/detail/server_tools.hpp"
#include "support/psql.hpp"

#include <chrono>
#include <stdexcept>

namespace pqlease::testing {

namespace {

// pg_basebackup's --write-recovery-conf says where the primary is.
void copy_data_directory(ServerTools const &tools, ThrowawayServer const &primary) {
  auto const result = tools.run(
      "pg_basebackup", {"--pgdata=" + tools.data_directory().string(), "--host=" + primary.socket_directory().string(),
                        "--port=" + std::to_string(primary.port()), "--username=postgres", "--checkpoint=fast",
                        "--write-recovery-conf", "--no-sync", "--no-password"});
  if (result.status != 0)
    throw std::runtime_error{"pg_basebackup ended with status " + std::to_string(result.status) + "; it printed:\n" +
                             result.output + "The primary's log:\n" + primary.log_text()};
}

void await_replication(ThrowawayServer const &primary, Cluster const &standby) {
  auto const streams = [&] {
    return psql(primary.conninfo(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1";
  };
  if (!poll_until(streams, std::chrono::seconds{60}))
    throw std::runtime_error{"the standby does not stream; its log:\n" + standby.log_text()};
}

Cluster create_standby(std::filesystem::path const &folder, ThrowawayServer const &primary) {
  ServerTools const tools{folder};
  copy_data_directory(tools, primary);
  auto cluster = Cluster::start_on_a_free_port(tools, {"hot_standby = on"});
  await_replication(primary, cluster);
  return cluster;
}

}  // namespace

StandbyServer::StandbyServer(ThrowawayServer const &primary) : cluster_{create_standby(guard_.folder(), primary)} {}

ServerPair::ServerPair()
    : primary{{.configuration = {"wal_level = replica", "synchronous_standby_names = '*'", "synchronous_commit = on",
                                 "autovacuum = off"},
               .access_rules = {}}},
      standby{primary} {}

std::string ServerPair::conninfo() const {
  return "host=127.0.0.1,127.0.0.1 port=" + std::to_string(standby.port()) + "," + std::to_string(primary.port()) +
         " user=postgres dbname=postgres sslmode=disable";
}

}  // namespace pqlease::testing
