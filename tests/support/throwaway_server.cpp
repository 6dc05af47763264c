#include "support/throwaway_server.hpp"

#include "support/detail/certificate.hpp"
#include "support/detail/cluster_files.hpp"

namespace pqlease::testing {

namespace {

Cluster create_cluster(std::filesystem::path const &folder, ThrowawayServer::Settings const &settings) {
  ServerTools const tools{folder};
  create_data_directory(tools, settings.access_rules);
  std::vector<std::string> configuration{provide_certificate(tools) ? "ssl = on" : "ssl = off"};
  configuration.insert(configuration.end(), settings.configuration.begin(), settings.configuration.end());
  return Cluster::start_on_a_free_port(tools, configuration);
}

}  // namespace

ThrowawayServer::ThrowawayServer() : ThrowawayServer{Settings{}} {}

ThrowawayServer::ThrowawayServer(Settings const &settings) : cluster_{create_cluster(guard_.folder(), settings)} {}

}  // namespace pqlease::testing
