#pragma once

#include "support/test_server.hpp"

namespace pqlease::testing {

/// The server that libpq's environment variables name.
class ExternalServer final : public TestServer {
public:
  /// The environment says it all; but a database that it leaves out is not the user's own, it is "postgres".
  [[nodiscard]] std::string conninfo() const override;

  [[nodiscard]] std::optional<std::uint16_t> loopback_port() const override;
  [[nodiscard]] bool can_restart() const noexcept override { return false; }
  void start() override;
  void stop(StopMode mode) override;
  void restart(StopMode mode) override;
  void kill_backend(int pid) override;
  [[nodiscard]] std::string describe() const override;
  [[nodiscard]] std::string log_text() const override { return {}; }
};

}  // namespace pqlease::testing
