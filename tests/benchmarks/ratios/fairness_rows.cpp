#include "ratios/fairness_rows.hpp"

#include "measure/crew.hpp"
#include "measure/fairness.hpp"
#include "measure/rounds.hpp"
#include "ratios/contender.hpp"

#include <memory>
#include <string>
#include <utility>

namespace pqlease::benchmarks {
namespace {

constexpr int threads = 16;

// A thread's first waits tell how the threads started, not how they share.
constexpr std::uint64_t discarded_waits = 10;

Fairness fairness_of(std::unique_ptr<Contender> const &contender, Seconds length) {
  contender->look_up(0);
  std::vector<std::vector<double>> waits(threads);
  for (auto &of_thread : waits) of_thread.reserve(1 << 16);
  auto const run = run_crew(threads, length, [&](int thread, std::uint64_t number) {
    auto const asked = Clock::now();
    auto const granted = contender->look_up(static_cast<int>(number % LookupTable::rows));
    if (number < discarded_waits) return;
    waits[static_cast<std::size_t>(thread)].push_back(
        std::chrono::duration<double, std::micro>(granted - asked).count());
  });
  return summarize(run.turns, waits);
}

using FairnessRounds = std::vector<Round<Fairness>>;

Row fairness_row(FairnessRounds const &rounds, std::string name, double Fairness::*figure, std::string unit,
                 std::optional<Limit> limit) {
  auto const ours = each(rounds, [=](auto const &round) { return round.ours.*figure; });
  auto const other = each(rounds, [=](auto const &round) { return round.other.*figure; });
  return {.name = std::move(name),
          .limit = limit,
          .figures = ours,
          .sides = Sides{spread_of(ours).median, spread_of(other).median, std::move(unit)}};
}

}  // namespace

std::vector<Row> measure_fairness(LookupTable const &table, Settings const &settings) {
  auto const by = [&](auto make) {
    return [&, make] { return fairness_of(make(table, Statement::prepared), settings.fairness_length); };
  };
  auto const rounds = interleave(settings.fairness_rounds, by(make_lease_contender), by(make_mutex_contender));
  return {
      fairness_row(rounds, "smallest share / mean share, 16 threads", &Fairness::smallest_share, "mean shares",
                   Limit{Bound::at_least, 0.85}),
      fairness_row(rounds, "largest share / mean share, 16 threads", &Fairness::largest_share, "mean shares", {}),
      fairness_row(rounds, "median wait, 16 threads", &Fairness::median_wait, "us", {}),
      fairness_row(rounds, "99.9th percentile wait, 16 threads", &Fairness::long_wait, "us", {}),
      fairness_row(rounds, "99.9th percentile wait / median wait, 16 threads", &Fairness::long_by_median_wait,
                   "median waits", Limit{Bound::at_most, 5}),
  };
}

std::vector<Row> measure_block_fairness(LookupTable const &table, Settings const &settings) {
  auto const rounds = interleave(
      settings.fairness_rounds,
      [&] { return fairness_of(make_atomic_contender(table, Outcome::report), settings.fairness_length); },
      [&] { return fairness_of(make_work_contender(table), settings.fairness_length); });
  return {
      fairness_row(rounds, "atomic: smallest share / mean share, 16 threads", &Fairness::smallest_share, "mean shares",
                   {}),
      fairness_row(rounds, "atomic: 99.9th percentile wait, 16 threads", &Fairness::long_wait, "us", {}),
  };
}

}  // namespace pqlease::benchmarks
