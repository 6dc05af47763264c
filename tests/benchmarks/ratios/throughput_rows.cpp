#include "ratios/throughput_rows.hpp"

#include "measure/crew.hpp"
#include "measure/rounds.hpp"
#include "measure/slices.hpp"
#include "ratios/contender.hpp"

#include <spdlog/fmt/fmt.h>

#include <functional>
#include <memory>
#include <utility>

namespace pqlease::benchmarks {
namespace {

using MakeContender = std::function<std::unique_ptr<Contender>()>;

Slice selects(Contender &contender, int threads) {
  for (int key = 0; key < 20; ++key) contender.look_up(key);
  auto const look_up = [&contender](int thread, std::uint64_t number) {
    contender.look_up(static_cast<int>((number + static_cast<std::uint64_t>(thread)) % LookupTable::rows));
  };
  return [=](Seconds length) { return run_crew(threads, length, look_up).tally(); };
}

/// A session's process may be lucky or not with its memory, so every round opens new ones. Which side opens first, and
/// has the first slice, changes from round to round.
Row compare(std::string name, std::optional<Limit> limit, Settings const &settings, int threads,
            MakeContender const &make_ours, MakeContender const &make_other) {
  std::vector<Round<double>> rounds;
  for (int i = 0; i < settings.rounds; ++i) {
    bool const ours_first = i % 2 == 0;
    auto const first = ours_first ? make_ours() : make_other();
    auto const second = ours_first ? make_other() : make_ours();
    auto round = alternate(settings.round_length, selects(*first, threads), selects(*second, threads));
    if (!ours_first) std::swap(round.ours, round.other);
    rounds.push_back(round);
  }
  return {.name = fmt::format("{}, {}", name, threads == 1 ? "1 thread" : fmt::format("{} threads", threads)),
          .limit = limit,
          .figures = ratios(rounds),
          .sides = Sides{spread_of(each(rounds, &Round<double>::ours)).median,
                         spread_of(each(rounds, &Round<double>::other)).median, "SELECTs/s"}};
}

}  // namespace

Row compare_with_mutex(LookupTable const &table, Settings const &settings, int threads, std::optional<Limit> limit) {
  return compare(
      "lease + prepared SELECT / std::mutex + the same", limit, settings, threads,
      [&] { return make_lease_contender(table, Statement::prepared); },
      [&] { return make_mutex_contender(table, Statement::prepared); });
}

Row compare_mutex_with_itself(LookupTable const &table, Settings const &settings, int threads) {
  auto const make = [&] { return make_mutex_contender(table, Statement::prepared); };
  return compare("control: std::mutex + prepared SELECT / itself", {}, settings, threads, make, make);
}

Row compare_listening(LookupTable const &table, Settings const &settings, int threads, Limit limit) {
  return compare(
      "lease + prepared SELECT, listening / not listening", limit, settings, threads,
      [&] { return make_listening_contender(table, Statement::prepared); },
      [&] { return make_lease_contender(table, Statement::prepared); });
}

Row compare_atomic_with_work(LookupTable const &table, Settings const &settings, int threads, Limit limit) {
  return compare(
      "atomic + prepared SELECT / mutex + pqxx::work", limit, settings, threads,
      [&] { return make_atomic_contender(table, Outcome::report); }, [&] { return make_work_contender(table); });
}

Row compare_resolve_with_report(LookupTable const &table, Settings const &settings, int threads) {
  return compare(
      "atomic with Outcome::resolve / without", {}, settings, threads,
      [&] { return make_atomic_contender(table, Outcome::resolve); },
      [&] { return make_atomic_contender(table, Outcome::report); });
}

Row compare_with_connecting(LookupTable const &table, Settings const &settings, int threads, Limit limit) {
  return compare(
      "lease + SELECT / connect + the same", limit, settings, threads,
      [&] { return make_lease_contender(table, Statement::ad_hoc); }, [&] { return make_connect_contender(table); });
}

}  // namespace pqlease::benchmarks
