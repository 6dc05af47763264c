#include "detail/shared_outage.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Jitter;
using pqlease::ReconnectMode;
using pqlease::ReconnectPolicy;
using pqlease::detail::Deadline;
using pqlease::detail::OpenFailure;
using pqlease::detail::SharedOutage;
using pqlease::detail::Turn;

namespace {

/// So that who waits for the next attempt waits for ever, as far as a test is concerned; a test that fails does end.
constexpr auto long_delay = 20s;

ReconnectPolicy policy(ReconnectMode mode = ReconnectMode::on_demand, std::chrono::milliseconds delay = long_delay) {
  return {.initial_delay = delay, .factor = 1.0, .max_delay = delay, .jitter = Jitter::none, .mode = mode};
}

void fail(SharedOutage &outage) {
  outage.fail(std::make_shared<OpenFailure const>(OpenFailure{.message = "refused", .sqlstate = {}, .cause = {}}));
}

/// Threads that wait for their turn, and how the wait of each one ended.
class Waiters {
public:
  Waiters(SharedOutage &outage, std::size_t count, std::stop_token const &stop = {}) : turns_(count) {
    for (auto &turn : turns_) {
      threads_.emplace_back([&, stop] { turn = outage.await_turn(outage.ticket(), Deadline::never(), stop); });
    }
  }

  [[nodiscard]] std::vector<Turn> turns() {
    threads_.clear();
    return turns_;
  }

private:
  std::vector<Turn> turns_;
  std::vector<std::jthread> threads_{};
};

}  // namespace

TEST_SUITE_BEGIN("shared outage");

TEST_CASE("while nothing is wrong, it is everybody's turn, and there is nothing to tell") {
  SharedOutage outage{policy()};
  CHECK(outage.await_turn(outage.ticket(), Deadline::never(), {}) == Turn::attempt);
  CHECK_FALSE(outage.down());
  CHECK_FALSE(outage.down_without_waiting());
  CHECK_FALSE(outage.end());
}

TEST_CASE("a deadline ends the wait for a turn, and says that the manager is down") {
  SharedOutage outage{policy()};
  fail(outage);
  CHECK(outage.await_turn(outage.ticket(), Deadline::at({}), {}) == Turn::down);
  CHECK(outage.await_turn(outage.ticket(), Deadline::after(1ms), {}) == Turn::down);
}

TEST_CASE("a failure is told with its cause and the time until the next attempt") {
  SharedOutage outage{policy()};
  fail(outage);
  auto const down = outage.down();
  REQUIRE(down);
  CHECK(down->failure->message == "refused");
  CHECK(down->retry_in > 0ms);
  CHECK(down->retry_in <= long_delay);
}

TEST_CASE("who had asked before an attempt failed does not wait") {
  SharedOutage outage{policy()};
  fail(outage);
  auto const known = outage.ticket();
  fail(outage);
  CHECK(outage.await_turn(known, Deadline::never(), {}) == Turn::down);
}

TEST_CASE("when the back-off has run out, it is the turn of who waits") {
  SharedOutage outage{policy(ReconnectMode::on_demand, 1ms)};
  fail(outage);
  CHECK(outage.await_turn(outage.ticket(), Deadline::never(), {}) == Turn::attempt);
  CHECK(outage.is_on());
}

TEST_CASE("the end of the outage, a stop token and a shutdown end every wait") {
  SharedOutage outage{policy()};
  fail(outage);
  SUBCASE("the end") {
    Waiters waiters{outage, 3};
    CHECK(outage.end());
    CHECK(waiters.turns() == std::vector(3, Turn::attempt));
  }
  SUBCASE("a stop token") {
    std::stop_source stop;
    Waiters waiters{outage, 3, stop.get_token()};
    stop.request_stop();
    CHECK(waiters.turns() == std::vector(3, Turn::cancelled));
  }
  SUBCASE("a shutdown") {
    Waiters waiters{outage, 3};
    outage.shut_down();
    CHECK(waiters.turns() == std::vector(3, Turn::shut_down));
  }
}

TEST_CASE("a background thread is wanted once, and only to fail fast") {
  SharedOutage outage{policy()};
  fail(outage);
  CHECK_FALSE(outage.claim_background());

  SharedOutage fast{policy(ReconnectMode::fail_fast)};
  CHECK_FALSE(fast.claim_background());  // nothing is wrong
  fail(fast);
  CHECK(fast.claim_background());
  CHECK_FALSE(fast.claim_background());
  fast.decline_background();
  CHECK(fast.claim_background());
  fast.end();
  CHECK_FALSE(fast.await_background_turn());
  fail(fast);
  CHECK(fast.claim_background());
  fast.shut_down();
  CHECK_FALSE(fast.await_background_turn());
  CHECK_FALSE(fast.claim_background());
}

TEST_CASE("a shutdown wakes the background thread") {
  SharedOutage outage{policy(ReconnectMode::fail_fast)};
  fail(outage);
  REQUIRE(outage.claim_background());
  std::atomic<bool> goes_on{true};
  std::jthread background{[&] { goes_on = outage.await_background_turn(); }};
  outage.shut_down();
  background.join();
  CHECK_FALSE(goes_on);
}

TEST_CASE("to fail fast a lease makes an attempt only without a background thread, and when one is due") {
  SharedOutage outage{policy(ReconnectMode::fail_fast, 1ms)};
  fail(outage);
  REQUIRE(outage.claim_background());
  CHECK(outage.await_background_turn());
  CHECK(outage.down_without_waiting());  // it is the background's turn
  outage.decline_background();
  CHECK_FALSE(outage.down_without_waiting());

  SharedOutage backing_off{policy(ReconnectMode::fail_fast)};
  fail(backing_off);
  CHECK(backing_off.down_without_waiting());
}

TEST_SUITE_END();
