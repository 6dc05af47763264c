#pragma once

#include <sched.h>
#include <sys/types.h>

#include <vector>

namespace pqlease::benchmarks {

/// Those that the calling thread may run on; none where there are too many for a cpu_set_t.
[[nodiscard]] std::vector<int> allowed_processors();

/// Keeps a process of one thread on one processor, for as long as it lives. Returns false where that is not allowed.
[[nodiscard]] bool keep_on_processor(pid_t process, int processor) noexcept;

/// Keeps the calling thread on one processor, and then lets it go where it was allowed to before. Threads that it
/// starts meanwhile stay there, too, and for good.
class StayOnProcessor {
public:
  /// Throws: std::system_error.
  explicit StayOnProcessor(int processor);
  StayOnProcessor(StayOnProcessor const &) = delete;
  StayOnProcessor &operator=(StayOnProcessor const &) = delete;
  ~StayOnProcessor();

private:
  cpu_set_t before_{};
};

}  // namespace pqlease::benchmarks
