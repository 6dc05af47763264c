#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

namespace pqlease::benchmarks {

/// What one round measured: this library, and what it is compared with.
template <class Sample> struct Round {
  Sample ours;
  Sample other;
};

/// Measures both sides in turn, `count` times. Which one goes first alternates, so that a machine that grows slower or
/// faster meanwhile favours neither.
template <class Ours, class Other>
[[nodiscard]] auto interleave(int count, Ours ours, Other other) -> std::vector<Round<std::invoke_result_t<Ours &>>> {
  std::vector<Round<std::invoke_result_t<Ours &>>> rounds;
  for (int i = 0; i < count; ++i) {
    if (i % 2 == 0) {
      auto first = ours();
      rounds.push_back({.ours = std::move(first), .other = other()});
    } else {
      auto first = other();
      rounds.push_back({.ours = ours(), .other = std::move(first)});
    }
  }
  return rounds;
}

/// One number for each round.
template <class Sample, class Figure>
[[nodiscard]] std::vector<double> each(std::vector<Round<Sample>> const &rounds, Figure figure) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (auto const &round : rounds) values.push_back(std::invoke(figure, round));
  return values;
}

/// Ours by theirs, each round for itself: what slows a whole round down cancels out.
[[nodiscard]] inline std::vector<double> ratios(std::vector<Round<double>> const &rounds) {
  return each(rounds, [](auto const &round) { return round.ours / round.other; });
}

}  // namespace pqlease::benchmarks
