#pragma once

#include "support/detail/unique_fd.hpp"

#include <sys/types.h>

#include <string>

namespace pqlease::testing {

/// The two ends of a pipe.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

// Every descriptor made here is closed on exec, and lies above those that a child process is given (see spawn()).

[[nodiscard]] Pipe make_pipe();
[[nodiscard]] UniqueFd open_file(std::string const &path, int flags);

/// A nameless file with this content, to be read from its start.
[[nodiscard]] UniqueFd file_with_content(std::string const &content);

/// The rest of a file, or what a pipe holds at the moment; true at its end.
[[nodiscard]] bool read_available(int fd, std::string &text);

/// errno as the reason why something failed.
[[noreturn]] void throw_errno(std::string const &what);

}  // namespace pqlease::testing
