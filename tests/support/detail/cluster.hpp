#pragma once

#include "support/detail/server_tools.hpp"
#include "support/stop_mode.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pqlease::testing {

/// Controls the cluster in a guarded folder; several processes may do so at once, and none of them need own it.
///
/// Thread safety: any thread, one at a time.
/// Throws: std::runtime_error, with the output of the command that failed and the server's log.
class Cluster {
public:
  explicit Cluster(std::filesystem::path const &folder);

  /// Configures the cluster of a folder for a free port, and starts it.
  [[nodiscard]] static Cluster start_on_a_free_port(ServerTools const &tools,
                                                    std::vector<std::string> const &configuration);

  void start();                 ///< on the port that it is configured for; nothing to do while it runs
  void stop(StopMode mode);     ///< nothing to do while it is stopped
  void restart(StopMode mode);  ///< the same port, the same data
  void promote();               ///< makes a primary of a standby; returns once it takes writes
  void kill_backend(int pid);   ///< as an administrator does; returns once the process is gone

  [[nodiscard]] bool is_running() const;
  [[nodiscard]] std::filesystem::path const &folder() const noexcept { return tools_.folder(); }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string conninfo() const;      ///< by the Unix socket
  [[nodiscard]] std::string tcp_conninfo() const;  ///< by the loopback address
  [[nodiscard]] std::string server_version() const;
  [[nodiscard]] std::string log_text() const;

private:
  [[nodiscard]] RunResult pg_ctl(std::vector<std::string> arguments) const;
  void pg_ctl_checked(std::vector<std::string> const &arguments) const;
  [[nodiscard]] std::string log_file() const { return folder() / "server.log"; }

  ServerTools tools_;
  std::uint16_t port_;
};

}  // namespace pqlease::testing
