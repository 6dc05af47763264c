#pragma once

#include <pqlease/export.hpp>

#include <memory>
#include <utility>

namespace pqlease {

namespace detail {
class Courier;
class Observer;
}  // namespace detail

/// Keeps a handler registered, for as long as it lives: what ManagedConnection::listen() and on_reopen() return.
///
/// Thread safety: one thread at a time, like an int; while any thread runs the handler.
/// Lifetime: may outlive its manager, whose shutdown() ends delivery.
/// Fork: in a child process it is dead, and ending it there does nothing; the child's manager takes new ones.
class [[nodiscard]] PQLEASE_API Subscription {
public:
  /// Of nothing.
  Subscription() noexcept = default;
  Subscription(Subscription &&other) noexcept = default;

  /// Ends the one that was here, as end() does.
  Subscription &operator=(Subscription &&other) noexcept;

  /// As end().
  ~Subscription() { end(); }

  /// Whether there is a handler that has not been ended from here.
  [[nodiscard]] explicit operator bool() const noexcept { return observer_ != nullptr; }

  /// Ends delivery: once it returns the handler is not running, will not run again, and is destroyed with all that it
  /// has captured. Does nothing the second time.
  ///
  /// Blocking: until a call of the handler that is under way has returned. Called by the handler itself it does not
  ///           wait; the handler is then destroyed when that call has returned. A thread that holds the lease must not
  ///           end a subscription whose handler waits for it.
  void end() noexcept;

private:
  friend class detail::Courier;

  Subscription(std::shared_ptr<detail::Observer> observer, std::weak_ptr<detail::Courier> courier) noexcept
      : observer_{std::move(observer)}, courier_{std::move(courier)} {}

  std::shared_ptr<detail::Observer> observer_{};
  std::weak_ptr<detail::Courier> courier_{};
};

}  // namespace pqlease
