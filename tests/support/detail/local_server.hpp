#pragma once

#include "support/detail/cluster.hpp"
#include "support/test_server.hpp"
#include "support/throwaway_server.hpp"

#include <filesystem>
#include <memory>

namespace pqlease::testing {

/// A throwaway cluster, this process's own or that of the program around it.
class LocalServer final : public TestServer {
public:
  explicit LocalServer(std::unique_ptr<ThrowawayServer> own);
  explicit LocalServer(std::filesystem::path const &folder);

  [[nodiscard]] std::string conninfo() const override { return cluster_.conninfo(); }
  [[nodiscard]] std::optional<std::uint16_t> loopback_port() const override { return cluster_.port(); }
  [[nodiscard]] bool can_restart() const noexcept override { return true; }
  void start() override { cluster_.start(); }
  void stop(StopMode mode) override { cluster_.stop(mode); }
  void restart(StopMode mode) override { cluster_.restart(mode); }
  void kill_backend(int pid) override { cluster_.kill_backend(pid); }
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] std::string log_text() const override { return cluster_.log_text(); }

private:
  std::unique_ptr<ThrowawayServer> own_{};  ///< null: the cluster is someone else's to remove
  Cluster cluster_;
};

}  // namespace pqlease::testing
