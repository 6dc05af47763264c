#pragma once

#include "detail/counters.hpp"
#include "detail/mutex.hpp"
#include "detail/process_generation.hpp"
#include <pqlease/notification.hpp>

#include <condition_variable>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace pqlease::detail {

/// A handler, and whether it may still run.
///
/// Thread safety: call() by one thread at a time; end() by any.
class Observer {
public:
  using Handler = std::function<void(Notification const &)>;

  Observer(std::string channel, Handler handler) : channel_{std::move(channel)}, handler_{std::move(handler)} {}
  Observer(Observer const &) = delete;
  Observer &operator=(Observer const &) = delete;

  /// Of a handler that is told of reopened sessions: empty.
  [[nodiscard]] std::string const &channel() const noexcept { return channel_; }

  /// Runs the handler, which counts, unless it has been ended. Throws: what the handler throws.
  void call(Notification const &notification, Counter *calls);

  /// From now on the handler does not run; then destroys it. In a child process it does nothing.
  /// Blocking: until a call has returned, but for one that this comes from.
  void end() noexcept;

private:
  class Call;

  void destroy_handler(MutexLock &lock) noexcept PQLEASE_REQUIRES(mutex_);

  std::string const channel_;
  BirthProcess const birth_{};

  // Guards what follows. Forbidden under it: the handler, its destruction among it.
  Mutex mutex_;
  std::condition_variable free_;
  bool ended_ PQLEASE_GUARDED_BY(mutex_){false};
  std::thread::id busy_ PQLEASE_GUARDED_BY(mutex_){};  // who runs or destroys handler_, and has it to itself

  Handler handler_;
};

}  // namespace pqlease::detail
