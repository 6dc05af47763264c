#pragma once

#include "support/detail/child_process.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pqlease::testing {

/// A folder for the temporary folders of a program under test: it shows what was left behind.
class PrivateTmp {
public:
  PrivateTmp();
  PrivateTmp(PrivateTmp const &) = delete;
  PrivateTmp &operator=(PrivateTmp const &) = delete;
  ~PrivateTmp();

  [[nodiscard]] std::filesystem::path const &path() const noexcept { return path_; }
  [[nodiscard]] std::string as_environment() const { return "TMPDIR=" + path_.string(); }

  /// The first entry in there that has such a file in it.
  [[nodiscard]] std::optional<std::filesystem::path> folder_with(std::filesystem::path const &file) const;

  /// Waits until neither a file in here nor a process at work in here is left.
  [[nodiscard]] bool becomes_empty() const;

private:
  std::filesystem::path path_;
};

/// The processes that have a folder in their command line, or work in it. Empty without /proc.
[[nodiscard]] std::vector<std::string> processes_at_work_in(std::filesystem::path const &folder);

/// An environment variable of this process, for the length of a scope.
class ScopedVariable {
public:
  ScopedVariable(std::string name, std::string const &value);
  ScopedVariable(ScopedVariable const &) = delete;
  ScopedVariable &operator=(ScopedVariable const &) = delete;
  ~ScopedVariable();

private:
  std::string name_;
};

/// The throwaway-server program with these arguments.
[[nodiscard]] std::vector<std::string> throwaway_server_program(std::vector<std::string> arguments);

/// A session, opened by psql, that sleeps until it is terminated.
class OpenSession {
public:
  explicit OpenSession(std::string const &conninfo);

  /// The process id of its backend.
  [[nodiscard]] int pid() const noexcept { return pid_; }

  /// What psql printed by the time the session was over.
  [[nodiscard]] std::string last_words();

private:
  ChildProcess psql_;
  int pid_;
};

}  // namespace pqlease::testing
