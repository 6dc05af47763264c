#pragma once

#include <atomic>
#include <cstdint>

namespace pqlease::detail {

/// How many forks lie between this process and the one that loaded the library; written in the child by fork() itself
/// (see session/fork_guard.hpp). Nothing that was made in another generation may be used: its threads are gone, its
/// mutexes may be locked for ever, and its session is the parent's.
inline constinit std::atomic<std::uint64_t> process_generation{0};

/// Remembers the process that it was made in.
class BirthProcess {
public:
  /// Whether this process is a child of that one, made by fork(). Costs a load.
  [[nodiscard]] bool is_another() const noexcept {
    return process_generation.load(std::memory_order_relaxed) != generation_;
  }

private:
  std::uint64_t generation_{process_generation.load(std::memory_order_relaxed)};
};

}  // namespace pqlease::detail
