#include "session/fork_guard.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace pqlease::detail {

Mutex &process_wide_mutex() noexcept {
  static constinit Mutex mutex;
  return mutex;
}

/// Every guarded socket of this process. Its functions run inside fork(); in the child only what is safe in a signal
/// handler may be called there.
class ForkRegistry {
public:
  static void install() noexcept {
    static int const installed = ::pthread_atfork(&before_fork, &in_parent, &in_child);
    static_cast<void>(installed);  // fails for want of memory only; forked children are then unguarded
  }

  static void add(ForkGuard &guard) noexcept {
    guard.previous_ = nullptr;
    guard.next_ = first;
    if (first != nullptr) first->previous_ = &guard;
    first = &guard;
  }

  static void remove(ForkGuard &guard) noexcept {
    (guard.previous_ == nullptr ? first : guard.previous_->next_) = guard.next_;
    if (guard.next_ != nullptr) guard.next_->previous_ = guard.previous_;
  }

private:
  static void before_fork() noexcept PQLEASE_ACQUIRES(process_wide_mutex()) { process_wide_mutex().lock(); }
  static void in_parent() noexcept PQLEASE_RELEASES(process_wide_mutex()) { process_wide_mutex().unlock(); }

  static void in_child() noexcept PQLEASE_RELEASES(process_wide_mutex()) {
    int const dead = first == nullptr ? -1 : dead_socket();
    for (auto *guard = first; guard != nullptr; guard = guard->next_) {
      if (is_same_socket(*guard)) replace(guard->socket_, dead);
    }
    if (dead >= 0) ::close(dead);
    process_generation.fetch_add(1, std::memory_order_relaxed);
    process_wide_mutex().unlock();
  }

  /// A socket whose peer has closed: reading gives the end of file, writing an error.
  static int dead_socket() noexcept {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return -1;
    ::close(ends[1]);
    return ends[0];
  }

  /// The user may have closed the connection behind the manager's back, and the number may name another file by now.
  static bool is_same_socket(ForkGuard const &guard) noexcept {
    struct stat found{};
    return ::fstat(guard.socket_, &found) == 0 && found.st_dev == guard.device_ && found.st_ino == guard.inode_;
  }

  static void replace(int socket, int dead) noexcept {
    if (dead < 0 || ::dup2(dead, socket) < 0) {
      ::close(socket);
    } else {
      ::fcntl(socket, F_SETFD, FD_CLOEXEC);
    }
  }

  static constinit inline ForkGuard *first{nullptr};  // guarded by process_wide_mutex()
};

ForkGuard::ForkGuard() noexcept { ForkRegistry::install(); }

void ForkGuard::watch(int socket) noexcept {
  struct stat found{};
  if (::fstat(socket, &found) != 0) return;
  forget();
  MutexLock const lock{process_wide_mutex()};
  birth_ = BirthProcess{};
  socket_ = socket;
  device_ = found.st_dev;
  inode_ = found.st_ino;
  ForkRegistry::add(*this);
}

void ForkGuard::forget() noexcept {
  MutexLock const lock{process_wide_mutex()};
  if (socket_ < 0) return;
  ForkRegistry::remove(*this);
  socket_ = -1;
}

}  // namespace pqlease::detail
