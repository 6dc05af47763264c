#include "ratios/settings.hpp"

#include <spdlog/fmt/fmt.h>

#include <getopt.h>

#include <array>
#include <charconv>
#include <iostream>
#include <stdexcept>
#include <string_view>

namespace pqlease::benchmarks {
namespace {

constexpr auto *default_json = PQLEASE_BENCHMARK_RESULTS "/ratios.json";

constexpr std::string_view usage =
    "usage: ratios [OPTION...]\n"
    "Compares leases with their alternatives and prints a table. Ends with 1 when a limit is missed.\n"
    "\n"
    "  --rounds N              of each comparison (11)\n"
    "  --seconds S             of one side of a round (1)\n"
    "  --fairness-rounds N     of the fairness rows (5)\n"
    "  --fairness-seconds S    of one side of such a round (5)\n"
    "  --json FILE             where to write the table as JSON ({})\n"
    "  --quick                 only shows that everything runs: a few seconds, and no limit counts;\n"
    "                          rounds and seconds given after it still do\n"
    "  --help                  prints this\n"
    "\n"
    "The server is the one that libpq's environment variables name, else one of its own.\n";

enum Option { rounds = 'a', seconds, fairness_rounds, fairness_seconds, json, quick, help };

constexpr std::array options{
    ::option{"rounds", required_argument, nullptr, rounds},
    ::option{"seconds", required_argument, nullptr, seconds},
    ::option{"fairness-rounds", required_argument, nullptr, fairness_rounds},
    ::option{"fairness-seconds", required_argument, nullptr, fairness_seconds},
    ::option{"json", required_argument, nullptr, json},
    ::option{"quick", no_argument, nullptr, quick},
    ::option{"help", no_argument, nullptr, help},
    ::option{nullptr, 0, nullptr, 0},
};

template <class Number> Number read_number(std::string_view text, Number largest) {
  Number value{};
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool const whole = error == std::errc{} && end == text.data() + text.size();
  if (whole && value > 0 && value <= largest) return value;
  throw std::invalid_argument{fmt::format("'{}' is not a number above 0 and up to {}", text, largest)};
}

int read_rounds(std::string_view text) { return read_number(text, 1000); }
Seconds read_seconds(std::string_view text) { return Seconds{read_number(text, 600.0)}; }

void make_quick(Settings &settings) {
  settings = {.rounds = 2,
              .round_length = Seconds{0.05},
              .fairness_rounds = 2,
              .fairness_length = Seconds{0.2},
              .json = settings.json,
              .quick = true};
}

void apply(Settings &settings, int option) {
  switch (option) {
  case rounds:
    settings.rounds = read_rounds(optarg);
    return;
  case seconds:
    settings.round_length = read_seconds(optarg);
    return;
  case fairness_rounds:
    settings.fairness_rounds = read_rounds(optarg);
    return;
  case fairness_seconds:
    settings.fairness_length = read_seconds(optarg);
    return;
  case json:
    settings.json = optarg;
    return;
  case quick:
    return make_quick(settings);
  default:
    throw std::invalid_argument{"see --help"};  // getopt has said what is wrong
  }
}

}  // namespace

std::optional<Settings> read_settings(int count, char **arguments) {
  Settings settings{.json = default_json};
  for (;;) {
    int const option = ::getopt_long(count, arguments, "", options.data(), nullptr);
    if (option == help) {
      std::cout << fmt::format(usage, default_json);
      return std::nullopt;
    }
    if (option == -1) break;
    apply(settings, option);
  }
  if (optind != count) throw std::invalid_argument{fmt::format("'{}' is no option", arguments[optind])};
  return settings;
}

}  // namespace pqlease::benchmarks
