#include "support/detail/cluster.hpp"

#include "support/detail/cluster_files.hpp"
#include "support/detail/poll_until.hpp"
#include "support/psql.hpp"

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pqlease::testing {

namespace {

constexpr auto *who_and_where = " user=postgres dbname=postgres";

bool is_gone(int pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

bool lost_its_port(Cluster const &cluster) { return cluster.log_text().find("could not bind") != std::string::npos; }

char const *name_of(StopMode mode) { return mode == StopMode::fast ? "fast" : "immediate"; }

}  // namespace

Cluster::Cluster(std::filesystem::path const &folder)
    : tools_{folder}, port_{configured_port(tools_.data_directory())} {}

// Between the search and the start the port can go to another process.
Cluster Cluster::start_on_a_free_port(ServerTools const &tools, std::vector<std::string> const &configuration) {
  constexpr int attempts = 5;
  for (int attempt = 1;; ++attempt) {
    write_configuration(tools, configuration, find_free_port());
    Cluster cluster{tools.folder()};
    try {
      cluster.start();
      return cluster;
    } catch (std::runtime_error const &) {
      if (attempt == attempts || !lost_its_port(cluster)) throw;
    }
  }
}

void Cluster::start() {
  if (!is_running()) pg_ctl_checked({"start", "--wait", "--timeout=60", "--log=" + log_file()});
}

void Cluster::stop(StopMode mode) {
  if (is_running()) pg_ctl_checked({"stop", "--wait", "--timeout=60", std::string{"--mode="} + name_of(mode)});
}

void Cluster::restart(StopMode mode) {
  stop(mode);
  start();
}

void Cluster::promote() { pg_ctl_checked({"promote", "--wait", "--timeout=60"}); }

void Cluster::kill_backend(int pid) {
  terminate_backend(conninfo(), pid);
  if (!poll_until([&] { return is_gone(pid); }, std::chrono::seconds{10}))
    throw std::runtime_error{"the process of backend " + std::to_string(pid) + " does not end"};
}

bool Cluster::is_running() const { return pg_ctl({"status"}).status == 0; }

std::string Cluster::conninfo() const {
  return "host=" + folder().string() + " port=" + std::to_string(port_) + who_and_where;
}

std::string Cluster::tcp_conninfo() const { return "host=127.0.0.1 port=" + std::to_string(port_) + who_and_where; }

std::string Cluster::server_version() const {
  // "postgres (PostgreSQL) 15.6 (a packager's own words)": asked of the program, as the server may be stopped.
  auto const text = tools_.run("postgres", {"--version"}).output;
  auto const begin = std::min(text.find_first_of("0123456789"), text.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string Cluster::log_text() const {
  std::ifstream file{log_file()};
  return {std::istreambuf_iterator{file}, {}};
}

RunResult Cluster::pg_ctl(std::vector<std::string> arguments) const {
  arguments.push_back("--pgdata=" + tools_.data_directory().string());
  return tools_.run("pg_ctl", arguments);
}

void Cluster::pg_ctl_checked(std::vector<std::string> const &arguments) const {
  auto const result = pg_ctl(arguments);
  if (result.status == 0) return;
  throw std::runtime_error{"the server of " + folder().string() + " on port " + std::to_string(port_) + ": pg_ctl " +
                           arguments.front() + " ended with status " + std::to_string(result.status) +
                           "; it printed:\n" + result.output + "The server's log, to see what to put right:\n" +
                           log_text()};
}

}  // namespace pqlease::testing
