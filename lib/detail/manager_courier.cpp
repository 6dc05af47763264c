// The part of Manager that deals with its courier.

#include "detail/manager.hpp"
#include "detail/notifications/courier.hpp"
#include <pqlease/errors.hpp>

#include <new>
#include <utility>

namespace pqlease::detail {

Courier &Manager::courier() {
  if (auto *const known = known_courier_.load(std::memory_order_acquire)) return *known;
  MutexLock const lock{courier_mutex_};
  if (courier_) return *courier_;
  if (queue_.is_shut_down()) throw ManagerClosed{name() + ": the manager is shut down; handler refused"};
  auto courier = std::make_shared<Courier>(*this, options_, counters_, log_);
  courier->start(shared_from_this());
  courier_ = std::move(courier);
  known_courier_.store(courier_.get(), std::memory_order_release);
  return *courier_;
}

bool Manager::is_idle_here() noexcept {
  return is_held_here() && granted_at_ && session_.status() == Status::idle && !session_.has_registered_transaction();
}

std::chrono::milliseconds Manager::retry_in() const {
  auto const down = reconnection_.outage().down();
  return down ? down->retry_in : std::chrono::milliseconds{0};
}

/// After the queue was shut down, so that none is made any more.
void Manager::stop_courier() noexcept {
  std::shared_ptr<Courier> courier;
  {
    MutexLock const lock{courier_mutex_};
    courier = courier_;
  }
  if (courier) courier->stop();
}

/// In a child process: its thread is not here, and its locks may be held for ever.
void Manager::leave_courier() noexcept {
  auto *const courier = known_courier_.load(std::memory_order_acquire);
  if (courier != nullptr) static_cast<void>(new (std::nothrow) std::shared_ptr{courier->weak_from_this().lock()});
}

}  // namespace pqlease::detail
