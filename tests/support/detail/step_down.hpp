#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pqlease::testing {

/// An ordinary user for what PostgreSQL refuses to run as root.
struct OrdinaryUser {
  std::string name;
  uid_t uid;
  gid_t gid;
};

/// Whom a server runs as: nobody in particular (this process's own user) unless this process is root.
/// Throws: std::runtime_error when root finds neither "postgres" nor "nobody".
[[nodiscard]] std::optional<OrdinaryUser> server_user();

/// The start of a command line that runs the rest of it as `user`.
/// Throws: std::runtime_error when there is no such user, or neither setpriv nor runuser.
[[nodiscard]] std::vector<std::string> step_down_to(std::string const &user);

/// The same for the owner of a file; empty unless this process is root and the owner is not.
[[nodiscard]] std::vector<std::string> step_down_to_owner_of(std::filesystem::path const &path);

/// Looks for a program in PATH and where administrators' programs are.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string const &name);

}  // namespace pqlease::testing
