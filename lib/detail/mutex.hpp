#pragma once

#include <mutex>

// Clang's thread-safety analysis; the standard mutex carries no annotations in libstdc++, so this one does.
#if defined(__clang__)
#define PQLEASE_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define PQLEASE_THREAD_SAFETY(attribute)
#endif

#define PQLEASE_GUARDED_BY(mutex) PQLEASE_THREAD_SAFETY(guarded_by(mutex))
#define PQLEASE_REQUIRES(mutex) PQLEASE_THREAD_SAFETY(requires_capability(mutex))
#define PQLEASE_ACQUIRES(mutex) PQLEASE_THREAD_SAFETY(acquire_capability(mutex))
#define PQLEASE_RELEASES(mutex) PQLEASE_THREAD_SAFETY(release_capability(mutex))

namespace pqlease::detail {

class PQLEASE_THREAD_SAFETY(capability("mutex")) Mutex {
public:
  void lock() PQLEASE_THREAD_SAFETY(acquire_capability()) { mutex_.lock(); }
  void unlock() PQLEASE_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }

private:
  friend class MutexLock;
  std::mutex mutex_;
};

/// Holds a Mutex for a scope. Functions that need the lock held take it as a parameter.
class PQLEASE_THREAD_SAFETY(scoped_lockable) MutexLock {
public:
  explicit MutexLock(Mutex &mutex) PQLEASE_THREAD_SAFETY(acquire_capability(mutex)) : lock_{mutex.mutex_} {}
  ~MutexLock() PQLEASE_THREAD_SAFETY(release_capability()) = default;
  MutexLock(MutexLock const &) = delete;
  MutexLock &operator=(MutexLock const &) = delete;

  /// For waiting on a std::condition_variable.
  [[nodiscard]] std::unique_lock<std::mutex> &native() noexcept { return lock_; }

private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace pqlease::detail
