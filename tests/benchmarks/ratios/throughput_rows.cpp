#include "ratios/throughput_rows.hpp"

#include "measure/rounds.hpp"
#include "ratios/contender.hpp"

#include <spdlog/fmt/fmt.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pqlease::benchmarks {
namespace {

using MakeContender = std::function<std::unique_ptr<Contender>()>;

struct Comparison {
  std::string name;
  std::optional<Limit> limit;
  MakeContender make_ours;
  MakeContender make_other;
};

/// A session's process may be lucky or not with its memory, so every round opens new ones. Which side opens first, and
/// has the first slice, changes from round to round.
Row compare(Comparison const &what, Settings const &settings, Workers const &workers) {
  std::vector<Round<double>> rounds;
  for (int i = 0; i < settings.rounds; ++i) {
    bool const ours_first = i % 2 == 0;
    auto const first = ours_first ? what.make_ours() : what.make_other();
    auto const second = ours_first ? what.make_other() : what.make_ours();
    auto round = work(workers, settings.round_length, *first, *second);
    if (!ours_first) std::swap(round.ours, round.other);
    rounds.push_back(round);
  }
  return {.name = fmt::format("{}, {}", what.name, workers.label()),
          .limit = what.limit,
          .figures = ratios(rounds),
          .sides = Sides{spread_of(each(rounds, &Round<double>::ours)).median,
                         spread_of(each(rounds, &Round<double>::other)).median, "SELECTs/s"}};
}

}  // namespace

Row compare_with_mutex(LookupTable const &table, Settings const &settings, Workers const &workers,
                       std::optional<Limit> limit) {
  return compare({.name = "lease + prepared SELECT / std::mutex + the same",
                  .limit = limit,
                  .make_ours = [&] { return make_lease_contender(table, Statement::prepared); },
                  .make_other = [&] { return make_mutex_contender(table, Statement::prepared); }},
                 settings, workers);
}

Row compare_mutex_with_itself(LookupTable const &table, Settings const &settings, Workers const &workers) {
  auto const make = [&] { return make_mutex_contender(table, Statement::prepared); };
  return compare(
      {.name = "control: std::mutex + prepared SELECT / itself", .limit = {}, .make_ours = make, .make_other = make},
      settings, workers);
}

Row compare_listening(LookupTable const &table, Settings const &settings, Workers const &workers, Limit limit) {
  return compare({.name = "lease + prepared SELECT, listening / not listening",
                  .limit = limit,
                  .make_ours = [&] { return make_listening_contender(table, Statement::prepared); },
                  .make_other = [&] { return make_lease_contender(table, Statement::prepared); }},
                 settings, workers);
}

Row compare_atomic_with_work(LookupTable const &table, Settings const &settings, Workers const &workers, Limit limit) {
  return compare({.name = "atomic + prepared SELECT / mutex + pqxx::work",
                  .limit = limit,
                  .make_ours = [&] { return make_atomic_contender(table, Outcome::report); },
                  .make_other = [&] { return make_work_contender(table); }},
                 settings, workers);
}

Row compare_resolve_with_report(LookupTable const &table, Settings const &settings, Workers const &workers) {
  return compare({.name = "atomic with Outcome::resolve / without",
                  .limit = {},
                  .make_ours = [&] { return make_atomic_contender(table, Outcome::resolve); },
                  .make_other = [&] { return make_atomic_contender(table, Outcome::report); }},
                 settings, workers);
}

Row compare_with_connecting(LookupTable const &table, Settings const &settings, Workers const &workers, Limit limit) {
  return compare({.name = "lease + SELECT / connect + the same",
                  .limit = limit,
                  .make_ours = [&] { return make_lease_contender(table, Statement::ad_hoc); },
                  .make_other = [&] { return make_connect_contender(table); }},
                 settings, workers);
}

}  // namespace pqlease::benchmarks
