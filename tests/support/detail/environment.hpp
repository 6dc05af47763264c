#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pqlease::testing {

/// Which part of this process's environment a command gets.
enum class Inherited {
  everything,
  without_libpq,  ///< all but PG…: the caller's PGOPTIONS or PGSERVICE must not bend what a private server is told
};

/// The value of an environment variable, unless it is unset or empty.
[[nodiscard]] std::optional<std::string> environment_value(char const *name);

/// The environment of a command: what it inherits, with `additions` ("NAME=value") on top.
[[nodiscard]] std::vector<std::string> environment_of_command(Inherited inherited,
                                                              std::vector<std::string> const &additions);

}  // namespace pqlease::testing
