#pragma once

#include <cstdint>

namespace pqlease::benchmarks {

/// How often this thread has asked operator new for memory; this program replaces it in order to count.
[[nodiscard]] std::uint64_t allocations_of_this_thread() noexcept;

}  // namespace pqlease::benchmarks
