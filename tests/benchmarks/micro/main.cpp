// microbenchmarks: what the single calls cost. Takes the options of Google Benchmark; see --help.

#include "support/test_server.hpp"

#include <benchmark/benchmark.h>
#include <spdlog/spdlog.h>

#include <iostream>

int main(int count, char **arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  try {
    spdlog::set_level(spdlog::level::warn);  // the session that is opened is no news
    benchmark::AddCustomContext("server", pqlease::testing::test_server().describe());
    benchmark::RunSpecifiedBenchmarks();
  } catch (pqlease::testing::NoServer const &missing) {
    std::cout << "skipped: " << missing.what() << '\n';
    return 77;
  } catch (std::exception const &error) {
    std::cerr << "microbenchmarks: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
