#pragma once

#include "support/detail/server_tools.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pqlease::testing {

/// Makes the data directory, with a pg_hba.conf that trusts everyone on this machine once `first_rules` are through.
/// Throws: std::runtime_error with initdb's output.
void create_data_directory(ServerTools const &, std::vector<std::string> const &first_rules);

/// Writes postgresql.conf anew: a quick server that need not survive a crash of the machine, then `settings`, then the
/// addresses: the Unix socket in the folder, and `port` of 127.0.0.1.
void write_configuration(ServerTools const &, std::vector<std::string> const &settings, std::uint16_t port);

/// The port of postgresql.conf.
/// Throws: std::runtime_error when there is none.
[[nodiscard]] std::uint16_t configured_port(std::filesystem::path const &data_directory);

/// A port of 127.0.0.1 that nothing listens on, outside of the range from which the kernel takes those of clients:
/// it is still free when the server comes back to it.
/// Throws: std::runtime_error when none is found.
[[nodiscard]] std::uint16_t find_free_port();

}  // namespace pqlease::testing
