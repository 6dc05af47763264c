#include "support/detail/server_programs.hpp"

#include "support/detail/environment.hpp"
#include "support/detail/step_down.hpp"
#include "support/no_server.hpp"
#include "support/subprocess.hpp"

#include <unistd.h>

#include <charconv>
#include <optional>
#include <string>
#include <system_error>

namespace pqlease::testing {

namespace {

namespace fs = std::filesystem;

bool is_program(fs::path const &path) { return ::access(path.c_str(), X_OK) == 0; }

std::optional<fs::path> folder_by_override() {
  auto const folder = environment_value("PQLEASE_PG_BINDIR");
  if (!folder) return std::nullopt;
  if (is_program(fs::path{*folder} / "initdb")) return *folder;
  throw std::runtime_error{"PQLEASE_PG_BINDIR=" + *folder + " holds no initdb: correct it or unset it"};
}

std::optional<fs::path> folder_by_pg_config() {
  auto const program = find_program("pg_config");
  if (!program) return std::nullopt;
  auto folder = run_checked({*program, "--bindir"});
  folder.erase(folder.find_last_not_of('\n') + 1);
  if (!is_program(fs::path{folder} / "initdb")) return std::nullopt;
  return folder;
}

int major_version_of(fs::path const &folder) {
  auto const name = folder.filename().string();
  int version{};
  std::from_chars(name.data(), name.data() + name.size(), version);
  return version;
}

std::optional<fs::path> highest_packaged_folder() {
  std::optional<fs::path> highest;
  std::error_code no_such_folder;
  for (auto const &entry : fs::directory_iterator{"/usr/lib/postgresql", no_such_folder}) {
    bool const higher = !highest || major_version_of(entry.path()) > major_version_of(highest->parent_path());
    if (higher && is_program(entry.path() / "bin/initdb")) highest = entry.path() / "bin";
  }
  return highest;
}

std::optional<fs::path> search() {
  if (auto folder = folder_by_override()) return folder;
  if (auto folder = folder_by_pg_config()) return folder;
  return highest_packaged_folder();
}

}  // namespace

fs::path find_server_programs() {
  if (auto folder = search()) return *folder;
  throw NoServer{"no initdb was found: install a PostgreSQL server, name its programs' folder in PQLEASE_PG_BINDIR, "
                 "or name a running server in PGHOST"};
}

fs::path find_psql() {
  if (auto const folder = search(); folder && is_program(*folder / "psql")) return *folder / "psql";
  if (auto program = find_program("psql")) return *program;
  throw NoServer{"no psql was found: install PostgreSQL's client programs"};
}

}  // namespace pqlease::testing
