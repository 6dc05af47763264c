#define DOCTEST_CONFIG_IMPLEMENT
#include "support/detail/server_programs.hpp"
#include "support/no_server.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

int main(int argc, char **argv) {
  constexpr int skipped = 77;
  try {
    std::cerr << "server programs: " << pqlease::testing::find_server_programs().string() << '\n';
  } catch (pqlease::testing::NoServer const &error) {
    std::cerr << error.what() << '\n';
    return skipped;
  }
  // These tests name their servers themselves, but for the one that throwaway-server runs.
  bool const inside = std::getenv("PQLEASE_TEST_INSIDE") != nullptr;
  for (auto const *name : {"PQLEASE_TEST_SERVER", "PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"}) {
    if (!inside) ::unsetenv(name);
  }
  return doctest::Context{argc, argv}.run();
}
