#define DOCTEST_CONFIG_IMPLEMENT
#include "support/detail/server_programs.hpp"
#include "support/no_server.hpp"

#include <doctest/doctest.h>

#include <iostream>

int main(int count, char **arguments) {
  doctest::Context context{count, arguments};
  try {
    std::cout << "server programs: " << pqlease::testing::find_server_programs().string() << '\n';
  } catch (pqlease::testing::NoServer const &missing) {
    std::cout << "skipped: " << missing.what() << '\n';
    return 77;
  }
  return context.run();
}
