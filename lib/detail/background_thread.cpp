#include "detail/background_thread.hpp"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace pqlease::detail {
namespace {

/// No signal is taken by this thread, nor by those that it starts, within the scope; but for those that tell a thread
/// of its own faults, which a program may have handlers for.
class BlockedSignals {
public:
  BlockedSignals() noexcept {
    sigset_t all{};
    sigfillset(&all);
    for (int const fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(BlockedSignals const &) = delete;
  BlockedSignals &operator=(BlockedSignals const &) = delete;

private:
  sigset_t before_{};
};

}  // namespace

// In a child process the mutex may be held for ever, and there is no thread to wait for.
BackgroundThread::~BackgroundThread() {
  if (birth_.is_another()) {
    static_cast<void>(thread_.release());
  } else {
    join();
  }
}

void BackgroundThread::start(std::function<void()> body) {
  join();
  BlockedSignals const blocked;
  auto thread = std::make_unique<std::thread>(std::move(body));
  MutexLock const lock{mutex_};
  thread_ = std::move(thread);
}

void BackgroundThread::join() noexcept {
  if (birth_.is_another()) return;
  std::unique_ptr<std::thread> thread;
  {
    MutexLock const lock{mutex_};
    thread = std::move(thread_);
  }
  if (!thread) return;
  if (thread->get_id() == std::this_thread::get_id()) {
    thread->detach();
  } else {
    thread->join();
  }
}

}  // namespace pqlease::detail
