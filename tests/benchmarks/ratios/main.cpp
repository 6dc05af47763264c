// ratios: compares leases with what one would use without them, and holds the ratios against the limits promised.

#include "measure/table.hpp"
#include "ratios/fairness_rows.hpp"
#include "ratios/lease_rows.hpp"
#include "ratios/lookup_table.hpp"
#include "ratios/recovery_rows.hpp"
#include "ratios/report.hpp"
#include "ratios/settings.hpp"
#include "ratios/throughput_rows.hpp"
#include "ratios/workers.hpp"
#include "support/test_server.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>

namespace {

using namespace pqlease::benchmarks;
using pqlease::testing::NoServer;
using pqlease::testing::test_server;

enum ExitStatus { all_hold = 0, limit_missed = 1, failed = 2, skipped = 77 };

constexpr Limit nearly_all{Bound::at_least, 0.97};

/// The table, printed line by line as it comes into being.
class Table {
public:
  Table() { std::cout << table_head() << std::endl; }

  void add(Row row) {
    std::cout << table_line(row) << std::endl;
    rows_.push_back(std::move(row));
  }

  [[nodiscard]] std::vector<Row> const &rows() const noexcept { return rows_; }

private:
  std::vector<Row> rows_;
};

std::vector<Row> measure(Settings const &settings) {
  LookupTable const lookup{test_server().conninfo()};
  auto const one = one_worker(lookup.conninfo());
  constexpr Workers sixteen{.threads = 16};
  if (one.place == Place::anywhere) std::cout << "one thread: not kept on a processor of its own\n\n";
  Table table;
  table.add(count_allocations(lookup.conninfo()));
  table.add(compare_with_round_trip(lookup.conninfo(), settings));
  table.add(compare_mutex_with_itself(lookup, settings, one));
  table.add(compare_mutex_with_itself(lookup, settings, sixteen));
  table.add(compare_with_mutex(lookup, settings, one, nearly_all));
  if (one.place == Place::apart)
    table.add(compare_with_mutex(lookup, settings, {.threads = 1, .place = Place::same}, {}));
  table.add(compare_with_mutex(lookup, settings, {.threads = 4}, {}));
  table.add(compare_with_mutex(lookup, settings, sixteen, nearly_all));
  table.add(compare_with_mutex(lookup, settings, {.threads = 64}, nearly_all));
  table.add(compare_listening(lookup, settings, sixteen, {Bound::at_least, 0.95}));
  table.add(compare_atomic_with_work(lookup, settings, one, nearly_all));
  table.add(compare_atomic_with_work(lookup, settings, sixteen, nearly_all));
  table.add(compare_resolve_with_report(lookup, settings, one));
  table.add(compare_with_connecting(lookup, settings, sixteen, {Bound::at_least, 10}));
  for (auto &row : measure_fairness(lookup, settings)) table.add(std::move(row));
  for (auto &row : measure_block_fairness(lookup, settings)) table.add(std::move(row));
  for (auto &row : measure_recovery(settings)) table.add(std::move(row));
  return table.rows();
}

ExitStatus run(Settings const &settings) {
  Report report{settings.json};
  auto const server = test_server().describe();
  std::cout << fmt::format("{}\n{} rounds of {} s, {} of {} s for fairness, both sides in turn\n\n", server,
                           settings.rounds, settings.round_length.count(), settings.fairness_rounds,
                           settings.fairness_length.count());
  auto const rows = measure(settings);
  report.write(settings, server, rows);
  std::cout << fmt::format("\nwritten to {}\n", settings.json.string());
  auto const missed = std::ranges::count_if(rows, [](auto const &row) { return !row.holds(); });
  if (missed != 0) std::cout << fmt::format("{} limits missed\n", missed);
  return missed == 0 || settings.quick ? all_hold : limit_missed;
}

}  // namespace

int main(int count, char **arguments) {
  try {
    spdlog::set_level(spdlog::level::warn);  // every round opens sessions, and the table would drown
    auto const settings = read_settings(count, arguments);
    return settings ? run(*settings) : all_hold;
  } catch (NoServer const &missing) {
    std::cout << "skipped: " << missing.what() << '\n';
    return skipped;
  } catch (std::exception const &error) {
    std::cerr << "ratios: " << error.what() << '\n';
    return failed;
  }
}
