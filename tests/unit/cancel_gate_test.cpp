#include "detail/cancel_gate.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::detail::CancelGate;
using pqlease::detail::CancelOutcome;
using pqlease::detail::Deadline;

TEST_SUITE_BEGIN("cancel gate");

TEST_CASE("a gate that nobody used closes at once") {
  CancelGate gate;
  CHECK(gate.close(Deadline::at({})));
}

TEST_CASE("requests are admitted one after the other, with no time left too, as long as the gate is free") {
  CancelGate gate;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(gate.enter(Deadline::at({})));
    CHECK_FALSE(gate.enter(Deadline::at({})));
    gate.leave(CancelOutcome::taken);
  }
  CHECK(gate.close(Deadline::at({})));
}

TEST_CASE("a closed gate admits nobody, and stays closed") {
  CancelGate gate;
  REQUIRE(gate.close(Deadline::never()));
  CHECK_FALSE(gate.enter(Deadline::never()));
  CHECK(gate.close(Deadline::never()));
  CHECK_FALSE(gate.enter(Deadline::never()));
}

TEST_CASE("closing waits for a request in flight") {
  for (auto const outcome : {CancelOutcome::taken, CancelOutcome::not_sent}) {
    CancelGate gate;
    std::atomic<bool> in_flight{true};
    REQUIRE(gate.enter(Deadline::never()));
    std::jthread refused_once_it_closes{[&] { CHECK_FALSE(gate.enter(Deadline::never())); }};
    std::jthread const closing{[&] {
      CHECK(gate.close(Deadline::never()));
      CHECK_FALSE(in_flight);
    }};
    refused_once_it_closes.join();
    in_flight = false;
    gate.leave(outcome);
  }
}

TEST_CASE("closing gives up at its deadline, and nobody is admitted after that") {
  CancelGate gate;
  REQUIRE(gate.enter(Deadline::never()));
  CHECK_FALSE(gate.close(Deadline::after(1ms)));
  CHECK_FALSE(gate.enter(Deadline::never()));
  gate.leave(CancelOutcome::taken);
  CHECK_FALSE(gate.enter(Deadline::never()));
  CHECK(gate.close(Deadline::at({})));
}

TEST_CASE("a request whose end is unknown can arrive late, whatever comes after it") {
  CancelGate gate;
  REQUIRE(gate.enter(Deadline::never()));
  gate.leave(CancelOutcome::unknown);
  REQUIRE(gate.enter(Deadline::never()));
  gate.leave(CancelOutcome::taken);
  CHECK_FALSE(gate.suspend(Deadline::never()));
  CHECK_FALSE(gate.close(Deadline::never()));
}

TEST_CASE("who waits to be admitted is refused when the gate closes") {
  CancelGate gate;
  REQUIRE(gate.enter(Deadline::never()));
  std::latch waiting{3};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      waiting.count_down();
      CHECK_FALSE(gate.enter(Deadline::never()));
    });
  }
  waiting.wait();
  CHECK_FALSE(gate.close(Deadline::at({})));
  threads.clear();
  gate.leave(CancelOutcome::not_sent);
}

TEST_CASE("a gate is suspended only once nobody is inside, and goes on after that") {
  CancelGate gate;
  REQUIRE(gate.enter(Deadline::never()));
  CHECK_FALSE(gate.suspend(Deadline::after(1ms)));
  gate.leave(CancelOutcome::taken);
  REQUIRE(gate.enter(Deadline::at({})));
  gate.leave(CancelOutcome::taken);
  REQUIRE(gate.suspend(Deadline::at({})));
  CHECK_FALSE(gate.enter(Deadline::after(1ms)));
  std::jthread waiting{[&] {
    CHECK(gate.enter(Deadline::never()));
    gate.leave(CancelOutcome::taken);
  }};
  gate.resume();
  waiting.join();
  CHECK(gate.close(Deadline::at({})));
}

TEST_CASE("suspending goes before requests that follow each other without a pause") {
  CancelGate gate;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (gate.enter(Deadline::never())) gate.leave(CancelOutcome::taken);
    });
  }
  for (int i = 0; i < 100; ++i) {
    CHECK(gate.suspend(Deadline::after(10s)));
    gate.resume();
  }
  CHECK(gate.close(Deadline::never()));
}

TEST_CASE("of many threads at most one is inside, and none once the gate is closed") {
  auto const seed = std::random_device{}();
  CAPTURE(seed);
  std::minstd_rand random{seed};
  for (int round = 0; round < 100; ++round) {
    CancelGate gate;
    int const last = 1 + static_cast<int>(random() % 200);
    std::atomic<int> entered{0};
    std::atomic<int> inside{0};
    std::atomic<bool> closed{false};
    std::atomic<int> violations{0};
    auto const use = [&] {
      while (gate.enter(Deadline::never())) {
        if (inside.fetch_add(1) != 0 || closed) ++violations;
        bool const closes = ++entered == last;
        inside.fetch_sub(1);
        gate.leave(CancelOutcome::taken);
        if (!closes) continue;
        if (!gate.close(Deadline::never()) || inside != 0) ++violations;
        closed = true;
      }
    };
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) threads.emplace_back(use);
    }
    CHECK(violations == 0);
  }
}

TEST_SUITE_END();
