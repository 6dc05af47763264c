#pragma once

#include "support/no_server.hpp"
#include "support/stop_mode.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace pqlease::testing {

/// The server that integration tests talk to.
///
/// Thread safety: any thread, one at a time.
class TestServer {
public:
  TestServer() = default;
  TestServer(TestServer const &) = delete;
  TestServer &operator=(TestServer const &) = delete;
  virtual ~TestServer() = default;

  /// A connection string for a superuser, as far as the server is ours.
  [[nodiscard]] virtual std::string conninfo() const = 0;

  /// The port of 127.0.0.1 that the server listens on, for what stands between it and a client; nothing if unknown.
  [[nodiscard]] virtual std::optional<std::uint16_t> loopback_port() const = 0;

  /// Whether start(), stop() and restart() work: not with a server that is someone else's. Tests ask first.
  [[nodiscard]] virtual bool can_restart() const noexcept = 0;

  /// Throws: std::logic_error unless can_restart(); std::runtime_error with the server's log when it fails.
  virtual void start() = 0;
  virtual void stop(StopMode mode) = 0;
  virtual void restart(StopMode mode) = 0;

  /// Terminates one backend as an administrator does, and returns once it is gone.
  /// Throws: std::runtime_error when there is no such backend.
  virtual void kill_backend(int pid) = 0;

  /// One line about version and place, for the head of a test's output.
  [[nodiscard]] virtual std::string describe() const = 0;

  /// The server's log as far as it can be read, to show when a test fails.
  [[nodiscard]] virtual std::string log_text() const = 0;
};

/// Takes the cluster of a surrounding throwaway-server program (PQLEASE_TEST_SERVER names its folder), else the server
/// that libpq's environment variables name, else a server of its own. With PQLEASE_TEST_POOLER=session or =transaction
/// there is a PgBouncer of its own before it.
///
/// Throws: NoServer where there is neither, or no PgBouncer: the test's main exits with 77.
[[nodiscard]] std::unique_ptr<TestServer> make_test_server();

/// The one server of this test run, made at the first call.
[[nodiscard]] TestServer &test_server();

/// Whether libpq's environment variables name a server: PGHOST, PGHOSTADDR or PGSERVICE.
[[nodiscard]] bool environment_names_a_server();

}  // namespace pqlease::testing
