#pragma once

#include "support/detail/cluster.hpp"
#include "support/detail/guard.hpp"
#include "support/throwaway_server.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace pqlease::testing {

/// A streaming standby of a throwaway server: a copy of it in a folder of its own, which answers queries.
///
/// Thread safety: any thread, one at a time.
/// Lifetime: as a ThrowawayServer's; the primary may go first.
/// Throws: every function std::runtime_error, with the output of the command that failed and the server's log.
class StandbyServer {
public:
  /// Returns once the standby accepts connections and gets what the primary writes.
  explicit StandbyServer(ThrowawayServer const &primary);

  void promote() { cluster_.promote(); }  ///< returns once it takes writes
  void stop(StopMode mode = StopMode::fast) { cluster_.stop(mode); }

  [[nodiscard]] std::uint16_t port() const noexcept { return cluster_.port(); }
  [[nodiscard]] std::filesystem::path const &folder() const noexcept { return cluster_.folder(); }
  [[nodiscard]] std::string conninfo() const { return cluster_.conninfo(); }          ///< by the Unix socket
  [[nodiscard]] std::string tcp_conninfo() const { return cluster_.tcp_conninfo(); }  ///< by 127.0.0.1
  [[nodiscard]] std::string log_text() const { return cluster_.log_text(); }          ///< to show when a test fails

private:
  Guard guard_{};
  Cluster cluster_;
};

/// A primary and its standby, with synchronous replication: a COMMIT that returned is on both. No transaction ends on
/// the primary without the standby; once promoted, that one waits for nobody.
class ServerPair {
public:
  ServerPair();

  /// Both servers by TCP, as a connection string with several hosts; the standby first, the harder case.
  [[nodiscard]] std::string conninfo() const;

  ThrowawayServer primary;
  StandbyServer standby;
};

}  // namespace pqlease::testing
