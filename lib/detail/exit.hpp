#pragma once

#include <exception>
#include <limits>

namespace pqlease::detail {

/// How a lease ends: normally, or because of an exception, which nothing may replace.
class Exit {
public:
  [[nodiscard]] static constexpr Exit normal() noexcept { return Exit{std::numeric_limits<int>::max()}; }
  [[nodiscard]] static constexpr Exit unwinding() noexcept { return Exit{-1}; }

  /// By unwinding if an exception is in flight that was not when std::uncaught_exceptions() was `uncaught`.
  [[nodiscard]] static constexpr Exit since(int uncaught) noexcept { return Exit{uncaught}; }

  /// Looked up when it matters, which it rarely does. The thread must be the one that counted.
  [[nodiscard]] bool may_throw() const noexcept { return std::uncaught_exceptions() <= uncaught_; }

private:
  explicit constexpr Exit(int uncaught) noexcept : uncaught_{uncaught} {}

  int uncaught_;
};

}  // namespace pqlease::detail
