#define DOCTEST_CONFIG_IMPLEMENT
#include "support/test_server.hpp"

#include <doctest/doctest.h>

#include <iostream>

int main(int count, char **arguments) {
  doctest::Context context{count, arguments};
  try {
    std::cout << pqlease::testing::test_server().describe() << '\n';
  } catch (pqlease::testing::NoServer const &missing) {
    std::cout << "skipped: " << missing.what() << '\n';
    return 77;
  }
  return context.run();
}
