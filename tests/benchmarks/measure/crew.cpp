#include "measure/crew.hpp"

#include <atomic>
#include <future>
#include <latch>
#include <numeric>
#include <thread>

namespace pqlease::benchmarks {
namespace {

enum class Phase {
  gathering,  ///< the threads wait for each other
  running,
  over,
};

/// Says when a run starts and ends; however the scope is left, no thread waits or runs on.
class Whistle {
public:
  Whistle() = default;
  Whistle(Whistle const &) = delete;
  Whistle &operator=(Whistle const &) = delete;
  ~Whistle() { announce(Phase::over); }

  void announce(Phase phase) noexcept {
    phase_.store(phase);
    phase_.notify_all();
  }

  void wait_for_start() const noexcept { phase_.wait(Phase::gathering); }
  [[nodiscard]] bool is_running() const noexcept { return phase_.load(std::memory_order_relaxed) == Phase::running; }

private:
  std::atomic<Phase> phase_{Phase::gathering};
};

}  // namespace

Tally CrewRun::tally() const {
  auto const sum = std::accumulate(turns.begin(), turns.end(), std::uint64_t{0});
  return {.turns = static_cast<double>(sum), .elapsed = elapsed};
}

CrewRun run_crew(int threads, Seconds length, std::function<void(int thread, std::uint64_t number)> const &turn) {
  std::latch gathered{threads};
  std::vector<std::future<std::uint64_t>> crew;  // its destructor waits for the threads, so the whistle goes first
  Whistle whistle;
  auto const work = [&](int thread) {
    gathered.count_down();
    whistle.wait_for_start();
    std::uint64_t number = 0;
    for (; whistle.is_running(); ++number) turn(thread, number);
    return number;
  };
  for (int thread = 0; thread < threads; ++thread) crew.push_back(std::async(std::launch::async, work, thread));
  gathered.wait();

  auto const start = std::chrono::steady_clock::now();
  whistle.announce(Phase::running);
  std::this_thread::sleep_for(length);
  whistle.announce(Phase::over);
  CrewRun run;
  for (auto &member : crew) run.turns.push_back(member.get());
  run.elapsed = std::chrono::steady_clock::now() - start;
  return run;
}

}  // namespace pqlease::benchmarks
