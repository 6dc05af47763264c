#include "detail/lease_queue.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::detail::Answer;
using pqlease::detail::Deadline;
using pqlease::detail::Grant;
using pqlease::detail::LeaseQueue;
using pqlease::detail::Use;

namespace {

auto const here = std::source_location::current();

Answer take(LeaseQueue &queue, Deadline deadline = Deadline::never(), std::stop_token const &stop = {}) {
  return queue.acquire(here, deadline, stop);
}

void wait_until_waiting(LeaseQueue const &queue, std::size_t count) {
  while (queue.waiters() != count) std::this_thread::yield();
}

void wait_until_watched(LeaseQueue const &queue) {
  while (!queue.is_watched()) std::this_thread::yield();
}

}  // namespace

TEST_SUITE_BEGIN("lease queue");

TEST_CASE("a free lease is granted at once") {
  LeaseQueue queue{{}};
  CHECK(queue.holder_thread() == std::thread::id{});
  auto const answer = take(queue, Deadline::at({}));
  CHECK(answer.grant == Grant::granted);
  CHECK_FALSE(answer.contended);
  CHECK(answer.waited == 0ns);
  CHECK(queue.holder_thread() == std::this_thread::get_id());
  CHECK(queue.holder().where.line() == here.line());
  CHECK_FALSE(queue.release().shut_down);
  CHECK(queue.holder_thread() == std::thread::id{});
}

TEST_CASE("the thread that holds the lease is refused a second one, and learns where the first was taken") {
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  auto const answer = take(queue);
  CHECK(answer.grant == Grant::recursive);
  CHECK(answer.holder.where.line() == here.line());
}

TEST_CASE("leases are granted in order of arrival") {
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  std::vector<int> order;  // guarded by the lease itself
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      auto const answer = take(queue);
      CHECK(answer.grant == Grant::granted);
      CHECK(answer.contended);
      CHECK(answer.waited > 0ns);
      order.push_back(i);
      CHECK_FALSE(queue.release().shut_down);
    });
    wait_until_waiting(queue, static_cast<std::size_t>(i) + 1);
  }
  CHECK_FALSE(queue.release().shut_down);
  threads.clear();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("a grant says since when it counts, and how long it took if it had to wait") {
  using Clock = std::chrono::steady_clock;
  LeaseQueue queue{{}};
  auto const before = Clock::now();
  auto const first = take(queue);
  CHECK(first.waited == Clock::duration::zero());
  CHECK(first.holder.thread == std::this_thread::get_id());
  CHECK(first.holder.since >= before);
  CHECK(first.holder.since <= Clock::now());
  Answer second;
  std::jthread waiter{[&] { second = take(queue); }};
  wait_until_waiting(queue, 1);
  auto const released = Clock::now();
  CHECK_FALSE(queue.release().shut_down);
  waiter.join();
  CHECK(second.contended);
  CHECK(second.holder.since >= released);
  CHECK(second.waited >= second.holder.since - released);
  CHECK(second.waited <= second.holder.since - before);
}

TEST_CASE("a waiter gives up at its deadline and learns who holds the lease") {
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  auto const holder = std::this_thread::get_id();
  std::jthread{[&] {
    for (auto const deadline : {Deadline::at({}), Deadline::after(1ms)}) {
      auto const answer = take(queue, deadline);
      CHECK(answer.grant == Grant::taken);
      CHECK(answer.holder.thread == holder);
      CHECK(answer.waiters == 0);
    }
  }}.join();
  CHECK(queue.waiters() == 0);
}

TEST_CASE("a cancelled waiter leaves the line, and the next one is not forgotten") {
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  std::stop_source stop;
  std::jthread first{[&] { CHECK(take(queue, Deadline::never(), stop.get_token()).grant == Grant::cancelled); }};
  wait_until_waiting(queue, 1);
  std::jthread second{[&] {
    CHECK(take(queue).grant == Grant::granted);
    CHECK_FALSE(queue.release().shut_down);
  }};
  wait_until_waiting(queue, 2);
  stop.request_stop();
  first.join();
  CHECK_FALSE(queue.release().shut_down);
}

TEST_CASE("a stop requested beforehand refuses even a free lease") {
  LeaseQueue queue{{}};
  std::stop_source stop;
  stop.request_stop();
  CHECK(take(queue, Deadline::never(), stop.get_token()).grant == Grant::cancelled);
  CHECK(queue.holder_thread() == std::thread::id{});
}

TEST_CASE("one waiter more than may wait is refused at once") {
  LeaseQueue queue{{.max_waiters = 1}};
  REQUIRE(take(queue).grant == Grant::granted);
  std::jthread waiter{[&] {
    CHECK(take(queue).grant == Grant::granted);
    CHECK_FALSE(queue.release().shut_down);
  }};
  wait_until_waiting(queue, 1);
  std::jthread{[&] { CHECK(take(queue).grant == Grant::crowded); }}.join();
  CHECK_FALSE(queue.release().shut_down);
}

TEST_CASE("shutting down refuses waiters and later requests, and names exactly one who may clear up") {
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  std::jthread waiter{[&] { CHECK(take(queue).grant == Grant::shut_down); }};
  wait_until_waiting(queue, 1);
  CHECK_FALSE(queue.shut_down());  // the holder will clear up
  waiter.join();
  CHECK(take(queue).grant == Grant::shut_down);
  CHECK(queue.release().shut_down);
  CHECK_FALSE(queue.shut_down());
}

TEST_CASE("shutting down a free queue lets the caller clear up, once") {
  LeaseQueue queue{{}};
  CHECK(queue.shut_down());
  CHECK_FALSE(queue.shut_down());
  CHECK(queue.is_shut_down());
}

TEST_CASE("a thread that adopts the lease is the holder") {
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  std::jthread{[&] {
    queue.adopt();
    CHECK(queue.holder_thread() == std::this_thread::get_id());
    CHECK(take(queue).grant == Grant::recursive);
  }}.join();
  CHECK(take(queue, Deadline::at({})).grant == Grant::taken);
}

TEST_CASE("a lease that lasts too long is reported once, by a waiter, with no lock held") {
  std::vector<pqlease::detail::Overdue> reports;
  LeaseQueue *asked = nullptr;
  LeaseQueue queue{{.hold_warning = 1ms}, [&](pqlease::detail::Overdue const &overdue) {
                     CHECK(asked->waiters() == 1);  // takes the lock
                     reports.push_back(overdue);
                   }};
  asked = &queue;
  REQUIRE(take(queue).grant == Grant::granted);
  std::jthread{[&] { CHECK(take(queue, Deadline::after(20ms)).grant == Grant::taken); }}.join();
  std::jthread{[&] { CHECK(take(queue, Deadline::after(5ms)).grant == Grant::taken); }}.join();
  REQUIRE(reports.size() == 1);
  CHECK(reports.front().holder.thread == std::this_thread::get_id());
  CHECK(reports.front().holder.where.line() == here.line());
  CHECK(reports.front().waiters == 1);
  CHECK(queue.release().was_overdue);
}

TEST_CASE("trap: a wall clock in timed waits; a deadline is a point on the steady clock") {
  static_assert(Deadline::Clock::is_steady);
  LeaseQueue queue{{}};
  REQUIRE(take(queue).grant == Grant::granted);
  std::jthread{[&] {
    auto const before = std::chrono::steady_clock::now();
    CHECK(take(queue, Deadline::after(20ms)).grant == Grant::taken);
    CHECK(std::chrono::steady_clock::now() - before >= 20ms);
  }}.join();
}

TEST_CASE(
    "a waiter that watches sees for itself that the lease is its own, that its time is over, or the queue shut down") {
  LeaseQueue queue{{.longest_watch = 1min}};
  REQUIRE(take(queue).grant == Grant::granted);
  CHECK_FALSE(queue.release().shut_down);  // a short lease, so that who waits next watches at once
  REQUIRE(take(queue).grant == Grant::granted);
  auto const before = Deadline::Clock::now();

  SUBCASE("its own") {
    auto waiter = std::async(std::launch::async, [&] {
      auto const answer = take(queue);
      CHECK(answer.grant == Grant::granted);
      CHECK(answer.contended);
      CHECK(answer.holder.thread == std::this_thread::get_id());
      CHECK(answer.holder.where.line() == here.line());
      CHECK_FALSE(queue.release().shut_down);
      return answer;
    });
    wait_until_watched(queue);
    auto const released = Deadline::Clock::now();
    CHECK_FALSE(queue.release(Use::plain, released).shut_down);
    auto const answer = waiter.get();
    CHECK(answer.holder.since == released);
    CHECK(answer.waited > 0ns);
    CHECK(answer.waited <= released - before);
  }
  SUBCASE("its time") {
    std::jthread{[&] { CHECK(take(queue, Deadline::after(5ms)).grant == Grant::taken); }}.join();
  }
  SUBCASE("a stop") {
    std::stop_source stop;
    std::jthread const waiter{
        [&] { CHECK(take(queue, Deadline::never(), stop.get_token()).grant == Grant::cancelled); }};
    wait_until_watched(queue);
    stop.request_stop();
  }
  SUBCASE("shut down") {
    std::jthread const waiter{[&] { CHECK(take(queue).grant == Grant::shut_down); }};
    wait_until_watched(queue);
    CHECK_FALSE(queue.shut_down());
  }
  CHECK(Deadline::Clock::now() - before < 30s);
}

TEST_CASE("every lease that lasts too long is reported, whoever was told of the one before") {
  std::atomic<int> reports{0};
  LeaseQueue queue{{.hold_warning = 5ms}, [&](pqlease::detail::Overdue const &) { ++reports; }};
  REQUIRE(take(queue).grant == Grant::granted);
  auto const hold_until_reported = [&](int report) {
    while (reports.load() < report) std::this_thread::yield();
    CHECK(queue.release().was_overdue);
  };
  std::jthread const second{[&] {
    REQUIRE(take(queue, Deadline::after(20s)).grant == Grant::granted);
    hold_until_reported(2);
  }};
  wait_until_waiting(queue, 1);
  std::jthread const third{[&] {
    REQUIRE(take(queue, Deadline::after(20s)).grant == Grant::granted);
    CHECK_FALSE(queue.release().was_overdue);
  }};
  wait_until_waiting(queue, 2);
  hold_until_reported(1);
}

TEST_CASE("who has watched in vain sleeps, and is woken for the next lease") {
  for (auto const use : {Use::plain, Use::block}) {
    LeaseQueue queue{{}};
    REQUIRE(take(queue).grant == Grant::granted);
    auto waiter = std::async(std::launch::async, [&] {
      auto const answer = take(queue);
      CHECK_FALSE(queue.release().shut_down);
      return answer.grant;
    });
    wait_until_waiting(queue, 1);
    CHECK_FALSE(queue.release(use).shut_down);
    // Mostly before the waiter is awake, which then watches for longer than this lease lasts.
    if (take(queue, Deadline::at({})).grant != Grant::granted) continue;
    std::jthread{[&] { CHECK(take(queue, Deadline::after(20ms)).grant == Grant::taken); }}.join();
    CHECK_FALSE(queue.release(use).shut_down);
    bool const woken = waiter.wait_for(10s) == std::future_status::ready;
    CHECK(woken);
    if (!woken) CHECK_FALSE(queue.shut_down());  // lets it go
    CHECK(waiter.get() == Grant::granted);
  }
}

TEST_CASE("many threads that time out, are cancelled, and take the lease never hold it together or lose it") {
  auto use = Use::plain;
  SUBCASE("plain leases") {}
  SUBCASE("leases of blocks") { use = Use::block; }
  LeaseQueue queue{{}};
  int inside = 0;  // guarded by the lease
  int granted = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 500; ++round) {
          std::stop_source stop;
          std::optional<std::jthread> canceller;
          if (i == 0 && round % 50 == 0) canceller.emplace([&] { stop.request_stop(); });
          auto const deadline = i % 2 == 0 ? Deadline::never() : Deadline::after(std::chrono::milliseconds{round % 2});
          if (take(queue, deadline, stop.get_token()).grant != Grant::granted) continue;
          CHECK(++inside == 1);
          ++granted;
          --inside;
          // Now and then for longer than anybody watches.
          auto const length = std::chrono::microseconds{round % 8 == 0 ? 250 : round % 4 * 10};
          for (auto const end = Deadline::at(Deadline::Clock::now() + length); !end.passed();) {
            std::this_thread::yield();
          }
          CHECK_FALSE(queue.release(i == 0 ? Use::plain : use).shut_down);
        }
      });
    }
  }
  CHECK(granted > 0);
  CHECK(queue.waiters() == 0);
  CHECK(queue.holder_thread() == std::thread::id{});
}

TEST_CASE("who waits learns that the holder's excuse has ended, and reports it from then on") {
  std::promise<void> reported;
  LeaseQueue queue{{.hold_warning = 1ms}, [&](pqlease::detail::Overdue const &) { reported.set_value(); }};
  REQUIRE(take(queue).grant == Grant::granted);
  queue.excuse();
  std::jthread const waiter{[&] {
    CHECK(take(queue, Deadline::after(20s)).grant == Grant::granted);
    CHECK_FALSE(queue.release().was_overdue);
  }};
  wait_until_waiting(queue, 1);
  queue.end_excuse();
  CHECK(reported.get_future().wait_for(10s) == std::future_status::ready);
  CHECK(queue.release().was_overdue);
}

TEST_SUITE_END();
