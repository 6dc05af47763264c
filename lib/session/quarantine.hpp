#pragma once

#include <memory>

namespace pqlease::detail {

/// Keeps what something may still refer to until the program ends.
///
/// Thread safety: any thread.
class Quarantine {
public:
  template <class T> static void keep(std::unique_ptr<T> object) noexcept { remember(object.release()); }

private:
  static void remember(void const *object) noexcept;
};

}  // namespace pqlease::detail
