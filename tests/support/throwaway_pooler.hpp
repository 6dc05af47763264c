#pragma once

#include "support/detail/guard.hpp"
#include "support/detail/server_tools.hpp"
#include "support/no_server.hpp"
#include "support/test_server.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pqlease::testing {

/// For how long a client has a session of the server to itself. Source: PgBouncer's manual, "pool_mode".
enum class PoolMode {
  session,      ///< until it disconnects
  transaction,  ///< until its transaction ends
};

/// The mode's name, as PgBouncer and the tests' environment variable have it.
[[nodiscard]] std::string_view to_string(PoolMode mode) noexcept;

/// A private PgBouncer before a server of this machine, which trusts everyone. It listens where a ThrowawayServer
/// would: on a Unix socket in a temporary folder, and on the same port of 127.0.0.1.
///
/// Thread safety: any thread, one at a time.
/// Lifetime: as a ThrowawayServer; the server behind it must live longer.
/// Throws: std::runtime_error, with the pooler's log.
class ThrowawayPooler {
public:
  struct Settings {
    PoolMode mode{PoolMode::session};

    /// Lines of the section [pgbouncer]; they win over the defaults.
    std::vector<std::string> configuration{};
  };

  /// Returns once it accepts connections.
  /// Throws: NoServer where PgBouncer is not installed, or the server is not a throwaway one.
  ThrowawayPooler(TestServer const &server, Settings const &settings);
  ThrowawayPooler(ThrowawayPooler const &) = delete;
  ThrowawayPooler &operator=(ThrowawayPooler const &) = delete;
  ~ThrowawayPooler() = default;

  void start();  ///< the same port; nothing to do while it runs
  void stop();   ///< at once, as by SIGTERM; nothing to do while it is stopped
  void restart();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string conninfo() const;  ///< by the Unix socket
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string log_text() const;

private:
  [[nodiscard]] std::filesystem::path file(std::string const &name) const { return tools_.folder() / name; }
  [[nodiscard]] int running_pid() const;
  [[nodiscard]] bool accepts() const;

  Guard guard_{};
  ServerTools tools_;
  std::string program_;
  std::uint16_t port_;
};

}  // namespace pqlease::testing
