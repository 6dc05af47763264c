#include "ratios/server_process.hpp"

#include <spdlog/fmt/fmt.h>

#include <sys/socket.h>

#include <fstream>
#include <string>

namespace pqlease::benchmarks {
namespace {

/// From /proc/PID/status, whose lines are "name:" and a value.
std::optional<pid_t> parent_of(pid_t process) {
  std::ifstream status{fmt::format("/proc/{}/status", process)};
  for (std::string name; status >> name; std::getline(status, name)) {
    if (pid_t parent{}; name == "PPid:" && status >> parent) return parent;
  }
  return std::nullopt;
}

/// Who has called listen() on the Unix socket; of another socket 0.
pid_t listener_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

}  // namespace

std::optional<pid_t> server_process(pqxx::connection const &session) {
  auto const listener = listener_of(session.sock());
  pid_t const process = session.backendpid();
  if (listener == 0 || parent_of(process) != listener) return std::nullopt;
  return process;
}

}  // namespace pqlease::benchmarks
