#pragma once

#include "support/test_server.hpp"
#include "support/throwaway_pooler.hpp"

#include <memory>

namespace pqlease::testing {

/// A server with PgBouncer before it: clients reach it by way of the pooler, its administrator does not.
class PooledServer final : public TestServer {
public:
  /// Throws: as ThrowawayPooler.
  PooledServer(std::unique_ptr<TestServer> server, PoolMode mode)
      : server_{std::move(server)}, pooler_{*server_, {mode, {}}} {}

  [[nodiscard]] std::string conninfo() const override { return pooler_.conninfo(); }
  [[nodiscard]] std::optional<std::uint16_t> loopback_port() const override { return pooler_.port(); }
  [[nodiscard]] bool can_restart() const noexcept override { return server_->can_restart(); }
  void start() override { server_->start(); }
  void stop(StopMode mode) override { server_->stop(mode); }
  void restart(StopMode mode) override { server_->restart(mode); }
  void kill_backend(int pid) override { server_->kill_backend(pid); }
  [[nodiscard]] std::string describe() const override { return server_->describe() + ", behind " + pooler_.version(); }
  [[nodiscard]] std::string log_text() const override { return server_->log_text() + pooler_.log_text(); }

private:
  std::unique_ptr<TestServer> server_;
  ThrowawayPooler pooler_;
};

}  // namespace pqlease::testing
