#include "support/detail/cluster_files.hpp"

#include "support/detail/loopback.hpp"
#include "support/detail/unique_fd.hpp"

#include <charconv>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string_view>

namespace pqlease::testing {

namespace {

constexpr std::string_view port_setting = "port = ";

constexpr auto *quick_and_forgetful = R"(
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
max_connections = 200
max_prepared_transactions = 64
lc_messages = 'C'
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
)";

constexpr auto *trusting_rules = R"(
local all all trust
host all all 127.0.0.1/32 trust
local replication all trust
host replication all 127.0.0.1/32 trust
)";

// initdb made these files: written in place they stay the server user's own.
std::ofstream rewrite(std::filesystem::path const &path) {
  std::ofstream file;
  file.exceptions(std::ios::failbit | std::ios::badbit);
  file.open(path, std::ios::trunc);
  return file;
}

}  // namespace

void create_data_directory(ServerTools const &tools, std::vector<std::string> const &first_rules) {
  auto const result = tools.run("initdb", {"--pgdata=" + tools.data_directory().string(), "--username=postgres",
                                           "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"});
  if (result.status != 0)
    throw std::runtime_error{"initdb ended with status " + std::to_string(result.status) + "; it printed:\n" +
                             result.output +
                             "The user that runs the server must reach the temporary folder: TMPDIR moves it.\n"};
  auto file = rewrite(tools.data_directory() / "pg_hba.conf");
  for (auto const &rule : first_rules) file << rule << '\n';
  file << trusting_rules;
}

void write_configuration(ServerTools const &tools, std::vector<std::string> const &settings, std::uint16_t port) {
  auto file = rewrite(tools.data_directory() / "postgresql.conf");
  file << quick_and_forgetful;
  for (auto const &setting : settings) file << setting << '\n';
  file << "unix_socket_directories = '" << tools.folder().string() << "'\n" << port_setting << port << '\n';
}

std::uint16_t configured_port(std::filesystem::path const &data_directory) {
  std::uint16_t port{};
  std::ifstream file{data_directory / "postgresql.conf"};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(port_setting)) continue;
    std::from_chars(line.data() + port_setting.size(), line.data() + line.size(), port);
  }
  if (port == 0) throw std::runtime_error{data_directory.string() + " is no cluster of the test support"};
  return port;
}

std::uint16_t find_free_port() {
  std::random_device source;
  std::uniform_int_distribution<std::uint16_t> ports{20'000, 31'999};
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto const port = ports(source);
    if (bind_loopback(port)) return port;
  }
  throw std::runtime_error{"no free port was found on 127.0.0.1"};
}

}  // namespace pqlease::testing
