#include "faults.hpp"

#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

namespace pqlease::stress {

using testing::Direction;
using testing::Ending;

namespace {

constexpr std::array<char const *, fault_kinds> names{"delay",     "swallow", "stall",          "refuse",
                                                      "FIN",       "RST",     "cut question",   "cut answer",
                                                      "terminate", "crash",   "cut while idle", "vanish while idle"};

}  // namespace

Faults::Faults(testing::TestServer &server, testing::FaultProxy &proxy, std::string application,
               std::atomic<bool> &lull, std::uint64_t seed, Activity &activity)
    : server_{server},
      proxy_{proxy},
      application_{std::move(application)},
      lull_{lull},
      activity_{activity},
      random_{seed},
      thread_{[this](std::stop_token const &stop) { run(stop); }} {}

void Faults::stop() {
  thread_.request_stop();
  thread_.join();
}

std::size_t Faults::count() const noexcept { return std::accumulate(made_.begin(), made_.end(), std::size_t{0}); }

std::string Faults::describe() const {
  std::string text;
  for (std::size_t kind = 0; kind < fault_kinds; ++kind) {
    text += fmt::format("  {:<24}{:>10}\n", names[kind], made_[kind].load());
  }
  return text;
}

void Faults::run(std::stop_token const &stop) {
  while (!stop.stop_requested()) {
    activity_.start("waits for the next fault");
    sleep(20, 250);
    auto const fault = next();
    activity_.start(names[static_cast<std::size_t>(fault)]);
    make(fault);
    ++made_[static_cast<std::size_t>(fault)];
  }
  activity_.end();
}

Fault Faults::next() {
  if (deck_.empty()) {
    for (std::size_t kind = 0; kind < fault_kinds; ++kind) deck_.push_back(static_cast<Fault>(kind));
    std::shuffle(deck_.begin(), deck_.end(), random_);
  }
  auto const fault = deck_.back();
  deck_.pop_back();
  return fault;
}

void Faults::make(Fault fault) {
  switch (fault) {
  case Fault::delay:
    proxy_.delay(std::chrono::milliseconds{pick(1, 5)});
    sleep(50, 200);
    return proxy_.forward();
  case Fault::swallow:
    proxy_.swallow();
    sleep(50, 600);
    // A user's own statement waits for as long as TCP does; the network gives up earlier here.
    proxy_.cut(Ending::reset);
    return proxy_.forward();
  case Fault::stall:
    proxy_.stall();
    sleep(50, 400);
    return proxy_.forward();
  case Fault::refuse:
    proxy_.refuse();
    proxy_.cut(any_ending());
    sleep(50, 200);
    return proxy_.forward();
  case Fault::fin:
    return proxy_.cut(Ending::finish);
  case Fault::rst:
    return proxy_.cut(Ending::reset);
  case Fault::cut_question:
    return cut_after(Direction::to_server);
  case Fault::cut_answer:
    return cut_after(Direction::to_client);
  case Fault::terminate:
    return terminate_backends();
  case Fault::crash:
    return server_.restart(testing::StopMode::immediate);
  case Fault::idle_cut:
    return cut_while_idle();
  case Fault::idle_vanish:
    return vanish_while_idle();
  }
}

void Faults::cut_after(Direction direction) {
  proxy_.cut_after(direction, static_cast<std::size_t>(pick(0, 600)), any_ending());
}

void Faults::terminate_backends() {
  pqxx::connection administrator{server_.conninfo()};
  pqxx::nontransaction{administrator}.exec(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" + application_ + "'");
}

void Faults::cut_while_idle() {
  lull_ = true;
  sleep(50, 150);
  proxy_.cut(any_ending());
  sleep(1, 50);
  lull_ = false;
}

void Faults::vanish_while_idle() {
  lull_ = true;
  sleep(50, 150);
  proxy_.swallow();
  proxy_.forward();
  lull_ = false;
  sleep(300, 600);
  proxy_.cut(Ending::reset);  // for a worker that was not idle after all
}

void Faults::sleep(int shortest_ms, int longest_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds{pick(shortest_ms, longest_ms)});
}

Ending Faults::any_ending() { return pick(0, 1) == 0 ? Ending::finish : Ending::reset; }

}  // namespace pqlease::stress
