// Fifty threads on a port that nobody listens on: the attempts are those that the policy allows, nobody waits past its
// deadline, and the processor has next to nothing to do.

#include "settings.hpp"
#include "support/detail/loopback.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::ConnectionDown;
using pqlease::ReconnectMode;
using pqlease::ReconnectPolicy;
using std::chrono::nanoseconds;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t threads = 50;
constexpr auto grace = 200ms;
constexpr auto most_processor_time = pqlease::stress::sanitized ? 0.5 : 0.05;  // of one core

/// A TCP port of this machine that refuses.
class DeadPort {
public:
  [[nodiscard]] std::string conninfo() const {
    return "host=127.0.0.1 sslmode=disable port=" + std::to_string(pqlease::testing::bound_port(bound_.get()));
  }

private:
  pqlease::testing::UniqueFd bound_{pqlease::testing::bind_loopback(0)};  // bound, and does not listen
};

nanoseconds processor_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  auto const in_ns = [](timeval time) {
    return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
  };
  return in_ns(used.ru_utime) + in_ns(used.ru_stime);
}

/// How long this thread was ready to run and got no processor, all in all.
nanoseconds starved() {
  std::ifstream file{"/proc/thread-self/schedstat"};
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  file >> running >> waiting;
  return nanoseconds{file ? waiting : 0};
}

/// How many attempts a policy without jitter allows in so much time.
std::uint64_t attempts_allowed(ReconnectPolicy const &policy, nanoseconds time) {
  std::uint64_t attempts = 1;
  std::chrono::duration<double, std::nano> delay = policy.initial_delay;
  for (std::chrono::duration<double, std::nano> at = delay; at <= time; at += delay) {
    ++attempts;
    delay = std::min(delay * policy.factor, std::chrono::duration<double, std::nano>{policy.max_delay});
  }
  return attempts;
}

/// One thread that asks for leases until the end.
struct Asker {
  using Pause = std::chrono::milliseconds (*)(ConnectionDown const &);

  void operator()() {
    while (Clock::now() < end) {
      auto const asked = Clock::now();
      auto const starved_before = starved();
      try {
        auto const lease = manager.lease_for(deadline);
        ++surprises;
      } catch (ConnectionDown const &down) {
        auto const withheld = starved() - starved_before;
        most_withheld = std::max(most_withheld, withheld);
        latest = std::max<nanoseconds>(latest, Clock::now() - asked - withheld - deadline);
        ++answers;
        std::this_thread::sleep_for(pause(down));
      } catch (std::exception const &other) {
        ++surprises;
        std::cout << "surprise: " << other.what() << '\n';
      }
    }
  }

  pqlease::ManagedConnection &manager;
  Clock::time_point end;
  std::chrono::milliseconds deadline;
  Pause pause;
  nanoseconds latest{-24h};      // past the deadline
  nanoseconds most_withheld{0};  // of processor time, by the machine
  std::uint64_t answers{0};
  std::uint64_t surprises{0};
};

struct Outcome {
  std::uint64_t attempts{0};
  std::uint64_t answers{0};
  std::uint64_t surprises{0};
  nanoseconds latest{-24h};
  nanoseconds most_withheld{0};
  nanoseconds length{0};
  double processor{0};  // of one core
};

Outcome run(ReconnectPolicy const &policy, std::chrono::milliseconds deadline, Asker::Pause pause) {
  DeadPort const port;
  pqlease::ManagedConnection manager{
      port.conninfo(),
      {.reconnect = policy,
       .logger = std::make_shared<spdlog::logger>("dead", std::make_shared<spdlog::sinks::null_sink_mt>())}};
  auto const start = Clock::now();
  auto const length = std::min<Clock::duration>(pqlease::stress::settings_from_environment().length, 5s);
  std::vector<Asker> askers(threads,
                            Asker{.manager = manager, .end = start + length, .deadline = deadline, .pause = pause});
  auto const used_before = processor_time();
  {
    std::vector<std::jthread> running;
    for (auto &asker : askers) running.emplace_back(std::ref(asker));
  }
  Outcome outcome{.attempts = manager.statistics().failed_opens, .length = Clock::now() - start};
  using Seconds = std::chrono::duration<double>;
  outcome.processor = Seconds{processor_time() - used_before} / Seconds{outcome.length};
  for (auto const &asker : askers) {
    outcome.answers += asker.answers;
    outcome.surprises += asker.surprises;
    outcome.latest = std::max(outcome.latest, asker.latest);
    outcome.most_withheld = std::max(outcome.most_withheld, asker.most_withheld);
  }
  return outcome;
}

void check(Outcome const &outcome, ReconnectPolicy const &policy) {
  auto const allowed = attempts_allowed(policy, outcome.length);
  std::cout << fmt::format(
      "{} attempts of {} allowed, {} answers, at most {} us past the deadline, {:.2f} % of a core\n", outcome.attempts,
      allowed, outcome.answers, std::chrono::duration_cast<std::chrono::microseconds>(outcome.latest).count(),
      outcome.processor * 100);
  CHECK(outcome.surprises == 0);
  CHECK(outcome.attempts >= 1);
  CHECK(outcome.attempts <= allowed);
  CHECK(outcome.answers >= threads);
  // A thread may also be late because another one was held up while it had a lock.
  CHECK(outcome.latest <= grace + outcome.most_withheld);
  CHECK(outcome.processor <= most_processor_time);
}

constexpr ReconnectPolicy policy_of(ReconnectMode mode) {
  return {.initial_delay = 100ms, .factor = 1.7, .max_delay = 10s, .jitter = pqlease::Jitter::none, .mode = mode};
}

}  // namespace

TEST_SUITE_BEGIN("dead server");

TEST_CASE("fifty threads that wait for a dead server cost it one attempt for each delay, and the processor nothing") {
  auto const policy = policy_of(ReconnectMode::on_demand);
  for (auto const deadline : {250ms, 1000ms}) {
    check(run(policy, deadline, [](ConnectionDown const &) { return 0ms; }), policy);
  }
}

TEST_CASE("fifty threads that are told at once, and come back when they are told to, cost no more") {
  auto const policy = policy_of(ReconnectMode::fail_fast);
  check(run(policy, 1000ms, [](ConnectionDown const &down) { return std::min(down.retry_in(), 500ms) + 1ms; }), policy);
}

TEST_CASE("fifty threads that come back every quarter of a second cost no more") {
  auto const policy = policy_of(ReconnectMode::fail_fast);
  check(run(policy, 1000ms, [](ConnectionDown const &) { return 250ms; }), policy);
}

TEST_SUITE_END();
