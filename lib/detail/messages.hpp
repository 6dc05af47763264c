#pragma once

#include "detail/lease_queue.hpp"
#include "detail/release_policy.hpp"

#include <chrono>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace pqlease::detail {

/// `file:line (function)`.
[[nodiscard]] std::string describe(std::source_location where);

/// Who holds the lease, since when, from which line, and how many wait.
[[nodiscard]] std::string describe(Holder const &holder, std::size_t waiters,
                                   std::chrono::steady_clock::time_point now);

/// What a release did to the session in the end.
enum class Settled {
  handed_over,  ///< as it was
  rolled_back,  ///< rolled back or drained, and kept
  closed,       ///< closed
  quarantined,  ///< closed, its connection object kept
};

/// What was in progress when a lease was released, and what became of it.
[[nodiscard]] std::string describe_leak(SessionCondition const &found, Settled settled,
                                        std::source_location lease_taken);

/// What an exception says of itself.
[[nodiscard]] std::string text_of(std::exception_ptr const &error);

}  // namespace pqlease::detail
