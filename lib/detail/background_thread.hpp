#pragma once

#include "detail/mutex.hpp"
#include "detail/process_generation.hpp"

#include <functional>
#include <memory>
#include <thread>

namespace pqlease::detail {

/// At most one thread of this library's own. It takes none of the program's signals.
///
/// Thread safety: any thread.
class BackgroundThread {
public:
  BackgroundThread() = default;
  BackgroundThread(BackgroundThread const &) = delete;
  BackgroundThread &operator=(BackgroundThread const &) = delete;
  ~BackgroundThread();

  /// Runs `body`, which must not throw, in the thread. The one before must have nothing left to do; it is waited for.
  /// Throws: std::system_error, std::bad_alloc.
  void start(std::function<void()> body);

  /// Waits for the thread to end; when it is the caller itself, lets it go. Does nothing without a thread, as in a
  /// child process made by fork().
  void join() noexcept;

private:
  BirthProcess const birth_{};

  // Guards thread_. Forbidden under it: everything but moving.
  Mutex mutex_;
  std::unique_ptr<std::thread> thread_ PQLEASE_GUARDED_BY(mutex_){};
};

}  // namespace pqlease::detail
