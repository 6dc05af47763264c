#pragma once

namespace pqlease::detail {

/// Ends another thread's wait for a socket.
///
/// Thread safety: trigger() from any thread, and from a stop callback.
class Interrupt {
public:
  /// For want of a descriptor it never ends anything: the wait then goes on to its deadline.
  Interrupt() noexcept;
  ~Interrupt();
  Interrupt(Interrupt const &) = delete;
  Interrupt &operator=(Interrupt const &) = delete;

  void trigger() const noexcept;

  /// Becomes readable, for good, when it is triggered; -1 for none.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

private:
  int const descriptor_;
};

/// Thrown where a wait was interrupted.
struct Interrupted {};

}  // namespace pqlease::detail
