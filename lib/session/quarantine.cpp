#include "session/quarantine.hpp"

#include "session/fork_guard.hpp"

#include <vector>

namespace pqlease::detail {

void Quarantine::remember(void const *object) noexcept {
  try {
    // Never destroyed, as what refers to the objects may outlive anything. Guarded by process_wide_mutex().
    static auto *const kept = new std::vector<void const *>;
    MutexLock const lock{process_wide_mutex()};
    kept->push_back(object);
  } catch (...) {
    // Out of memory: nobody finds the object any more, but it is still there.
  }
}

}  // namespace pqlease::detail
