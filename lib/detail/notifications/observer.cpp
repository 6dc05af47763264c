#include "detail/notifications/observer.hpp"

namespace pqlease::detail {

/// The time of one call.
class Observer::Call {
public:
  explicit Call(Observer &observer) noexcept : observer_{observer} {
    MutexLock const lock{observer_.mutex_};
    admitted_ = !observer_.ended_;  // NOLINT(cppcoreguidelines-prefer-member-initializer): under the lock
    if (admitted_) observer_.busy_ = std::this_thread::get_id();
  }

  ~Call() {
    // A handler that forked: in the child another thread may have held the lock.
    if (!admitted_ || observer_.birth_.is_another()) return;
    MutexLock lock{observer_.mutex_};
    if (observer_.ended_) {
      observer_.destroy_handler(lock);
    } else {
      observer_.busy_ = {};
      observer_.free_.notify_all();
    }
  }

  Call(Call const &) = delete;
  Call &operator=(Call const &) = delete;

  [[nodiscard]] bool admitted() const noexcept { return admitted_; }

private:
  Observer &observer_;
  bool admitted_{false};
};

void Observer::call(Notification const &notification, Counter *calls) {
  Call const call{*this};
  if (!call.admitted()) return;
  if (calls != nullptr) ++*calls;
  handler_(notification);
}

void Observer::end() noexcept {
  if (birth_.is_another()) return;
  auto const self = std::this_thread::get_id();
  MutexLock lock{mutex_};
  ended_ = true;
  while (busy_ != std::thread::id{} && busy_ != self) free_.wait(lock.native());
  if (busy_ != self) destroy_handler(lock);
}

/// What the handler has captured may end this observer once more, from its destructor.
void Observer::destroy_handler(MutexLock &lock) noexcept {
  busy_ = std::this_thread::get_id();
  lock.native().unlock();
  { auto const handler = std::exchange(handler_, nullptr); }
  lock.native().lock();
  busy_ = {};
  free_.notify_all();
}

}  // namespace pqlease::detail
