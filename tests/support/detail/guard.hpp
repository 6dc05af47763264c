#pragma once

#include "support/detail/unique_fd.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace pqlease::testing {

/// A temporary folder for a cluster or a pooler, and a process that clears up after its owner, however the owner ends.
///
/// The process (the guard) reads a named pipe in the folder, the lifeline, which the owner holds open for writing.
/// Once nobody does, be it that the owner destroyed this object or was killed, the guard stops what runs in the folder,
/// a server or PgBouncer, and removes the folder. It is a program of its own, in a session of its own, and deaf to the
/// signals that end the owner; no server and no command of a test inherits the lifeline. A process that the owner forks
/// and that runs no other program holds it too, until it ends.
class Guard {
public:
  /// Makes the folder below TMPDIR, or /tmp where TMPDIR is too long for a socket's path.
  /// Throws: std::runtime_error when that fails; NoServer without server programs.
  Guard();
  Guard(Guard const &) = delete;
  Guard &operator=(Guard const &) = delete;

  /// Waits until the guard is done. In a process forked from the owner it does nothing.
  ~Guard();

  [[nodiscard]] std::filesystem::path const &folder() const noexcept { return folder_; }
  [[nodiscard]] static std::filesystem::path lifeline_of(std::filesystem::path const &folder);

private:
  void start();

  std::filesystem::path folder_;
  UniqueFd lifeline_{};
  pid_t pid_{-1};
  pid_t owner_;
};

}  // namespace pqlease::testing
