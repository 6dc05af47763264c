#pragma once

#include <cstddef>
#include <mutex>
#include <stop_token>
#include <vector>

namespace pqlease::stress {

/// The stop sources of those who wait for a lease, for a thread that cancels one now and then.
class Waits {
public:
  explicit Waits(std::size_t workers) : sources_(workers, std::stop_source{std::nostopstate}) {}

  /// A token for the next wait of this worker.
  [[nodiscard]] std::stop_token begin(std::size_t worker) {
    std::stop_source source;
    auto token = source.get_token();
    std::scoped_lock const lock{mutex_};
    sources_[worker] = std::move(source);
    return token;
  }

  void cancel(std::size_t worker) {
    std::stop_source source{std::nostopstate};
    {
      std::scoped_lock const lock{mutex_};
      source = sources_[worker];
    }
    source.request_stop();
  }

private:
  std::mutex mutex_{};  // guards sources_; nobody is stopped under it
  std::vector<std::stop_source> sources_;
};

}  // namespace pqlease::stress
