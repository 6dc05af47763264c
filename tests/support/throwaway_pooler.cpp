#include "support/throwaway_pooler.hpp"

#include "support/detail/cluster_files.hpp"
#include "support/detail/loopback.hpp"
#include "support/detail/poll_until.hpp"
#include "support/detail/step_down.hpp"

#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pqlease::testing {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds patience{30};

// A test must not wait for what makes sense in a real installation: 15 s until a server that was down is tried again,
// two minutes until a client is told that there is none.
constexpr auto *quick_and_trusting = R"(
auth_type = trust
admin_users = postgres
default_pool_size = 50
max_client_conn = 200
server_login_retry = 0.05
query_wait_timeout = 10
)";

std::string find_pgbouncer() {
  if (auto const program = find_program("pgbouncer")) return *program;
  throw NoServer{"no pgbouncer was found: install it (Debian has it in a package of this name)"};
}

std::uint16_t port_of(TestServer const &server) {
  auto const port = server.loopback_port();
  if (!port || !server.can_restart()) throw NoServer{"a pooler is only put before a throwaway server"};
  return *port;
}

void write(fs::path const &path, std::string const &text) {
  std::ofstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(path);
  file << text;
  file.close();
  fs::permissions(path, fs::perms{0644});  // the user that runs PgBouncer is maybe not this one
}

std::string configuration(fs::path const &folder, std::uint16_t port, std::uint16_t server_port,
                          ThrowawayPooler::Settings const &settings) {
  auto const in_folder = [&](char const *name) { return (folder / name).string() + '\n'; };
  std::string text = "[databases]\n* = host=127.0.0.1 port=" + std::to_string(server_port) + "\n[pgbouncer]" +
                     quick_and_trusting + "pool_mode = " + std::string{to_string(settings.mode)} + '\n';
  for (auto const &line : settings.configuration) text += line + '\n';
  return text + "listen_addr = 127.0.0.1\nlisten_port = " + std::to_string(port) +
         "\nunix_socket_dir = " + in_folder("") + "auth_file = " + in_folder("users.txt") +
         "pidfile = " + in_folder("pgbouncer.pid") + "logfile = " + in_folder("pgbouncer.log");
}

}  // namespace

std::string_view to_string(PoolMode mode) noexcept { return mode == PoolMode::session ? "session" : "transaction"; }

ThrowawayPooler::ThrowawayPooler(TestServer const &server, Settings const &settings)
    : tools_{guard_.folder()}, program_{find_pgbouncer()}, port_{find_free_port()} {
  write(file("users.txt"), "\"postgres\" \"\"\n");
  write(file("pgbouncer.ini"), configuration(tools_.folder(), port_, port_of(server), settings));
  start();
}

void ThrowawayPooler::start() {
  if (running_pid() != 0) return;
  auto const result = tools_.run(program_, {"--daemon", file("pgbouncer.ini")});
  if (result.status == 0 && poll_until([&] { return accepts(); }, patience)) return;
  throw std::runtime_error{"PgBouncer does not start; it printed:\n" + result.output + "Its log:\n" + log_text()};
}

void ThrowawayPooler::stop() {
  auto const pid = running_pid();
  if (pid == 0) return;
  ::kill(pid, SIGTERM);
  // Its process may be around for longer, until somebody collects it.
  if (!poll_until([&] { return running_pid() == 0 && bind_loopback(port_, PortSharing::shared); }, patience))
    throw std::runtime_error{"PgBouncer does not stop; its log:\n" + log_text()};
}

void ThrowawayPooler::restart() {
  stop();
  start();
}

std::string ThrowawayPooler::conninfo() const {
  return "host=" + tools_.folder().string() + " port=" + std::to_string(port_) + " user=postgres dbname=postgres";
}

std::string ThrowawayPooler::version() const {
  auto const text = tools_.run(program_, {"--version"}).output;
  return text.substr(0, text.find('\n'));
}

std::string ThrowawayPooler::log_text() const {
  std::ifstream log{file("pgbouncer.log")};
  return {std::istreambuf_iterator{log}, {}};
}

// PgBouncer removes its file when it ends.
int ThrowawayPooler::running_pid() const {
  int pid = 0;
  std::ifstream{file("pgbouncer.pid")} >> pid;
  return pid;
}

bool ThrowawayPooler::accepts() const {
  return running_pid() != 0 && fs::exists(file(".s.PGSQL." + std::to_string(port_)));
}

}  // namespace pqlease::testing
