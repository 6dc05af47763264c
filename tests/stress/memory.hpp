#pragma once

#include <cstddef>

namespace pqlease::stress {

/// The resident set of this process in bytes; 0 without /proc.
[[nodiscard]] std::size_t resident_set();

}  // namespace pqlease::stress
