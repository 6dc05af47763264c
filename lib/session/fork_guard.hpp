#pragma once

#include "detail/mutex.hpp"
#include "detail/process_generation.hpp"

#include <sys/types.h>

namespace pqlease::detail {

/// A mutex that is free in a child process made by fork(): the fork waits for it. Guards what the whole process shares.
/// Forbidden under it: anything that takes time.
[[nodiscard]] Mutex &process_wide_mutex() noexcept;

/// Keeps a session's socket out of the hands of child processes: in the child, before fork() returns, a dead socket
/// takes its place (pthread_atfork). So nothing that the child does with inherited objects, not even their destructors,
/// can reach the server, and the parent's session goes on. The server is sent no Terminate message.
///
/// Thread safety: one thread at a time, while any other may fork.
class ForkGuard {
public:
  ForkGuard() noexcept;
  ~ForkGuard() { forget(); }
  ForkGuard(ForkGuard const &) = delete;
  ForkGuard &operator=(ForkGuard const &) = delete;

  /// From now on this socket is guarded.
  void watch(int socket) noexcept;

  /// Must come before the socket is closed.
  void forget() noexcept;

  /// Whether the socket was opened by a parent of this process, and is dead here.
  [[nodiscard]] bool is_inherited() const noexcept { return birth_.is_another(); }

private:
  friend class ForkRegistry;

  BirthProcess birth_{};
  // Guarded by process_wide_mutex().
  int socket_{-1};
  dev_t device_{};
  ino_t inode_{};
  ForkGuard *previous_{nullptr};
  ForkGuard *next_{nullptr};
};

}  // namespace pqlease::detail
