#include "support/throwaway_server.hpp"

#include "support/detail/certificate.hpp"
#include "support/detail/cluster_files.hpp"

#include <stdexcept>

namespace pqlease::testing {

namespace {

bool lost_its_port(Cluster const &cluster) { return cluster.log_text().find("could not bind") != std::string::npos; }

// Between the search and the start the port can go to another process.
Cluster start_on_a_free_port(ServerTools const &tools, std::vector<std::string> const &configuration) {
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    write_configuration(tools, configuration, find_free_port());
    Cluster cluster{tools.folder()};
    try {
      cluster.start();
      return cluster;
    } catch (std::runtime_error const &) {
      if (attempt == attempts || !lost_its_port(cluster)) throw;
    }
  }
}

Cluster create_cluster(std::filesystem::path const &folder, ThrowawayServer::Settings const &settings) {
  ServerTools const tools{folder};
  create_data_directory(tools, settings.access_rules);
  std::vector<std::string> configuration{provide_certificate(tools) ? "ssl = on" : "ssl = off"};
  configuration.insert(configuration.end(), settings.configuration.begin(), settings.configuration.end());
  return start_on_a_free_port(tools, configuration);
}

}  // namespace

ThrowawayServer::ThrowawayServer() : ThrowawayServer{Settings{}} {}

ThrowawayServer::ThrowawayServer(Settings const &settings) : cluster_{create_cluster(guard_.folder(), settings)} {}

}  // namespace pqlease::testing
