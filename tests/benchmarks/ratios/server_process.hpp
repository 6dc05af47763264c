#pragma once

#include <pqxx/connection>

#include <sys/types.h>

#include <optional>

namespace pqlease::benchmarks {

/// The server process that works for a session; nothing unless it is one of its own, on this machine: the child of who
/// listens at the other end of a Unix socket.
[[nodiscard]] std::optional<pid_t> server_process(pqxx::connection const &session);

}  // namespace pqlease::benchmarks
