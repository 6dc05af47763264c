#include "measure/processors.hpp"

#include <doctest/doctest.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system_error>
#include <vector>

using namespace pqlease::benchmarks;

TEST_SUITE_BEGIN("processors");

TEST_CASE("a thread stays on the processor that it was told to, and is free again afterwards") {
  auto const before = allowed_processors();
  REQUIRE_FALSE(before.empty());
  for (int const processor : before) {
    StayOnProcessor const stay{processor};
    CHECK(::sched_getcpu() == processor);
    CHECK(allowed_processors() == std::vector{processor});
  }
  CHECK(allowed_processors() == before);
}

TEST_CASE("a process that is not there cannot be kept anywhere") {
  auto const child = ::fork();
  if (child == 0) ::_exit(0);
  REQUIRE(child > 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(keep_on_processor(child, allowed_processors().front()));
}

TEST_CASE("a processor that there is not cannot be stayed on") {
  CHECK_THROWS_AS(StayOnProcessor{CPU_SETSIZE - 1}, std::system_error);
}

TEST_SUITE_END();
