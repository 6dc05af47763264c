#pragma once

#include "support/detail/cluster.hpp"
#include "support/detail/guard.hpp"
#include "support/no_server.hpp"
#include "support/stop_mode.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pqlease::testing {

/// A private PostgreSQL server: a new cluster in a temporary folder, the superuser "postgres", trust for every local
/// connection, and SSL for who asks for it by TCP. Root steps down to an ordinary user to run it.
///
/// Thread safety: any thread, one at a time.
/// Lifetime: server and folder are gone when the destructor returns. They go as well, a moment later, when the owner
///           crashes or is killed.
/// Throws: every function std::runtime_error, with the output of the command that failed and the server's log.
class ThrowawayServer {
public:
  struct Settings {
    /// Lines of postgresql.conf; they win over the defaults (see write_configuration()), not over port and addresses.
    std::vector<std::string> configuration{};

    /// Lines of pg_hba.conf ahead of the trusting ones. The superuser's way in by the Unix socket must stay open.
    std::vector<std::string> access_rules{};
  };

  /// Returns once the server accepts connections: one to two seconds.
  /// Throws: NoServer where no server is installed.
  ThrowawayServer();
  explicit ThrowawayServer(Settings const &settings);

  void start() { cluster_.start(); }                                  ///< same port, same data; idempotent
  void stop(StopMode mode = StopMode::fast) { cluster_.stop(mode); }  ///< idempotent
  void restart(StopMode mode = StopMode::fast) { cluster_.restart(mode); }

  /// Terminates one backend as an administrator does, and returns once its process is gone.
  void kill_backend(int pid) { cluster_.kill_backend(pid); }

  [[nodiscard]] bool is_running() const { return cluster_.is_running(); }
  [[nodiscard]] std::uint16_t port() const noexcept { return cluster_.port(); }
  [[nodiscard]] std::filesystem::path const &folder() const noexcept { return cluster_.folder(); }
  [[nodiscard]] std::filesystem::path const &socket_directory() const noexcept { return folder(); }
  [[nodiscard]] std::string conninfo() const { return cluster_.conninfo(); }          ///< by the Unix socket
  [[nodiscard]] std::string tcp_conninfo() const { return cluster_.tcp_conninfo(); }  ///< by 127.0.0.1
  [[nodiscard]] std::string server_version() const { return cluster_.server_version(); }
  [[nodiscard]] std::string log_text() const { return cluster_.log_text(); }  ///< to show when a test fails

private:
  Guard guard_{};
  Cluster cluster_;
};

}  // namespace pqlease::testing
