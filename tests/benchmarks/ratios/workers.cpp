#include "ratios/workers.hpp"

#include "measure/crew.hpp"
#include "measure/processors.hpp"
#include "measure/repeat.hpp"
#include "ratios/server_process.hpp"

#include <pqxx/connection>
#include <spdlog/fmt/fmt.h>

#include <stdexcept>

namespace pqlease::benchmarks {
namespace {

// Long enough that starting and stopping the threads does not count.
constexpr Seconds slice_of_a_crew{0.25};

// One thread needs no start. Long enough that the change from one session to another does not count.
constexpr Seconds slice_of_one{0.025};

void warm_up(Contender &contender) {
  for (int key = 0; key < 20; ++key) contender.look_up(key);
}

void look_up(Contender &contender, std::uint64_t number) {
  contender.look_up(static_cast<int>(number % LookupTable::rows));
}

Slice by_crew(Contender &contender, int threads) {
  return [&contender, threads](Seconds length) {
    auto const turn = [&](int thread, std::uint64_t number) {
      look_up(contender, number + static_cast<std::uint64_t>(thread));
    };
    return run_crew(threads, length, turn).tally();
  };
}

Slice by_one(Contender &contender) {
  return [&contender](Seconds length) {
    return repeat(length, [&](std::uint64_t number) { look_up(contender, number); });
  };
}

void keep_server_on(int processor, std::optional<pid_t> process) {
  if (!process || !keep_on_processor(*process, processor))
    throw std::runtime_error{"a server process cannot be kept on one processor"};
}

}  // namespace

std::string Workers::label() const {
  if (place == Place::same) return "1 processor";
  return threads == 1 ? "1 thread" : fmt::format("{} threads", threads);
}

Workers one_worker(std::string const &conninfo) {
  auto const processors = allowed_processors();
  pqxx::connection const session{conninfo};
  auto const process = server_process(session);
  bool const possible = processors.size() > 1 && process && keep_on_processor(*process, processors.front()) &&
                        keep_on_processor(*process, processors.back());
  return {.threads = 1, .place = possible ? Place::apart : Place::anywhere};
}

InPlace::InPlace(Place place, std::initializer_list<std::optional<pid_t>> server_processes) {
  if (place == Place::anywhere) return;
  auto const processors = allowed_processors();
  auto const of_server = place == Place::apart ? processors.back() : processors.front();
  for (auto const process : server_processes) keep_server_on(of_server, process);
  thread_.emplace(processors.front());
}

Round<double> work(Workers const &workers, Seconds length, Contender &ours, Contender &other) {
  warm_up(ours);
  warm_up(other);
  if (workers.threads > 1) {
    return alternate({.length = length, .longest_slice = slice_of_a_crew}, by_crew(ours, workers.threads),
                     by_crew(other, workers.threads));
  }
  RoundShape const shape{.length = length, .longest_slice = slice_of_one};
  InPlace const in_place{workers.place, {ours.server_process(), other.server_process()}};
  return alternate(shape, by_one(ours), by_one(other));
}

}  // namespace pqlease::benchmarks
