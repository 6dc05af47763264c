#include "support/detail/step_down.hpp"

#include "support/detail/descriptors.hpp"
#include "support/detail/environment.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <stdexcept>

namespace pqlease::testing {

namespace {

using PasswdBuffer = std::array<char, 16384>;

OrdinaryUser user_from(passwd const &entry) { return {entry.pw_name, entry.pw_uid, entry.pw_gid}; }

std::optional<OrdinaryUser> find_user(std::string const &name) {
  passwd entry{};
  passwd *found{};
  PasswdBuffer buffer{};
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return user_from(*found);
}

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd *found{};
  PasswdBuffer buffer{};
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) throw std::runtime_error{"the user with the id " + std::to_string(uid) + " has no name"};
  return found->pw_name;
}

}  // namespace

std::optional<OrdinaryUser> server_user() {
  if (::geteuid() != 0) return std::nullopt;
  for (auto const *name : {"postgres", "nobody"}) {
    if (auto user = find_user(name)) return user;
  }
  throw std::runtime_error{"PostgreSQL does not run as root, and there is no user postgres or nobody to step down to"};
}

std::vector<std::string> step_down_to(std::string const &user) {
  auto const found = find_user(user);
  if (!found) throw std::runtime_error{"there is no user " + user};
  if (auto const setpriv = find_program("setpriv"))
    return {*setpriv, "--reuid=" + user, "--regid=" + std::to_string(found->gid), "--init-groups", "--"};
  if (auto const runuser = find_program("runuser")) return {*runuser, "-u", user, "--"};
  throw std::runtime_error{"neither setpriv nor runuser is here to run a server as " + user + ": install util-linux"};
}

std::vector<std::string> step_down_to_owner_of(std::filesystem::path const &path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) throw_errno("cannot look at " + path.string());
  if (::geteuid() != 0 || status.st_uid == 0) return {};
  return step_down_to(user_name(status.st_uid));
}

std::optional<std::filesystem::path> find_program(std::string const &name) {
  std::istringstream folders{environment_value("PATH").value_or("/usr/bin:/bin") + ":/usr/sbin:/sbin"};
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto program = std::filesystem::path{folder} / name;
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

}  // namespace pqlease::testing
