#include "support/detail/local_server.hpp"

#include <utility>

namespace pqlease::testing {

LocalServer::LocalServer(std::unique_ptr<ThrowawayServer> own) : own_{std::move(own)}, cluster_{own_->folder()} {}

LocalServer::LocalServer(std::filesystem::path const &folder) : cluster_{folder} {}

std::string LocalServer::describe() const {
  return "PostgreSQL " + cluster_.server_version() + " on port " + std::to_string(cluster_.port()) + " in " +
         cluster_.folder().string();
}

}  // namespace pqlease::testing
