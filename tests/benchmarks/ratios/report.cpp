#include "ratios/report.hpp"

#include <pqlease/version.hpp>

#include <pqxx/version>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

namespace pqlease::benchmarks {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(Spread const &spread) {
  return {{"smallest", spread.smallest},
          {"lower_quartile", spread.lower_quartile},
          {"median", spread.median},
          {"upper_quartile", spread.upper_quartile},
          {"largest", spread.largest}};
}

ordered_json to_json(Limit limit) {
  return {{"bound", limit.bound == Bound::at_least ? "at least" : "at most"}, {"value", limit.value}};
}

ordered_json to_json(Sides const &sides) {
  return {{"ours", sides.ours}, {"other", sides.other}, {"unit", sides.unit}};
}

ordered_json to_json(Row const &row) {
  ordered_json json{{"name", row.name}, {"figure", to_json(row.spread())}, {"rounds", row.figures}};
  if (row.limit) {
    json["limit"] = to_json(*row.limit);
    json["holds"] = row.holds();
  }
  if (row.sides) json["sides"] = to_json(*row.sides);
  return json;
}

ordered_json to_json(Settings const &settings) {
  return {{"rounds", settings.rounds},
          {"seconds", settings.round_length.count()},
          {"fairness_rounds", settings.fairness_rounds},
          {"fairness_seconds", settings.fairness_length.count()},
          {"quick", settings.quick}};
}

}  // namespace

Report::Report(std::filesystem::path const &path) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  file_.exceptions(std::ios::failbit | std::ios::badbit);
  file_.open(path, std::ios::trunc);
}

void Report::write(Settings const &settings, std::string const &server, std::vector<Row> const &rows) {
  ordered_json report{{"pqlease", PQLEASE_VERSION},
                      {"libpqxx", PQXX_VERSION},
                      {"server", server},
                      {"compiler", __VERSION__},
                      {"processors", std::thread::hardware_concurrency()},
                      {"settings", to_json(settings)},
                      {"holds", std::ranges::all_of(rows, &Row::holds)},
                      {"rows", ordered_json::array()}};
  for (auto const &row : rows) report["rows"].push_back(to_json(row));
  file_ << report.dump(2) << '\n' << std::flush;
}

}  // namespace pqlease::benchmarks
