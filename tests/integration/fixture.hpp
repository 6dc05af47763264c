#pragma once

#include "support/log_capture.hpp"
#include "support/test_server.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace pqlease::testing {

/// An application's own error, in contrast to one of this library or of libpqxx.
struct ApplicationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A manager on the test server, and an empty table `example (key, value)` of its own.
class Fixture {
public:
  explicit Fixture(Options options = {});
  explicit Fixture(std::string const &conninfo, Options options = {});
  Fixture(Fixture const &) = delete;
  Fixture &operator=(Fixture const &) = delete;
  ~Fixture();

  /// How many rows everybody can see, as another session counts them.
  [[nodiscard]] int committed_rows() const;

  /// Inserts one row; outside a transaction block that commits it.
  void insert(pqxx::transaction_base &transaction) const;

  /// The same as one statement.
  [[nodiscard]] std::string insert_statement() const;

  /// BEGIN by hand and one row: what a lease leaks.
  void begin_by_hand(pqxx::connection &connection) const;

  TestServer &server;
  LogCapture log;
  std::string table;
  ManagedConnection manager;

private:
  void execute(std::string const &sql) const;
};

/// The backend's process id, as the server knows it.
[[nodiscard]] int backend_of(Lease &lease);

/// How to reach the test server by TCP, maybe by way of another port; nothing, said aloud, when it is not known to
/// listen on this machine.
[[nodiscard]] std::optional<std::string> loopback_conninfo(std::optional<std::uint16_t> port = {});

/// Keeps a backend of a server on this machine from saying a word: a peer that vanished without closing its socket.
class SilentBackend {
public:
  explicit SilentBackend(int pid);
  SilentBackend(SilentBackend const &) = delete;
  SilentBackend &operator=(SilentBackend const &) = delete;
  ~SilentBackend();

private:
  int pid_;
};

/// The message of an exception and of all that is nested in it, one per line, which it also prints.
[[nodiscard]] std::string full_text(std::exception const &error);

}  // namespace pqlease::testing
