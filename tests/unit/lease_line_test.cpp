#include "detail/lease_line.hpp"

#include <doctest/doctest.h>

#include <latch>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::detail::Grant;
using pqlease::detail::LeaseLine;
using pqlease::detail::LineLimits;
using pqlease::detail::Place;
using pqlease::detail::Requester;
using pqlease::detail::Use;
using TimePoint = LeaseLine::TimePoint;

namespace {

auto const here = std::source_location::current();
TimePoint const start{1h};
constexpr auto longest_watch = LineLimits{}.longest_watch;

/// Threads that have never run, as far as a LeaseLine can tell: it only compares them.
struct Threads {
  std::vector<std::thread::id> ids;

  explicit Threads(std::size_t count) {
    std::latch all{static_cast<std::ptrdiff_t>(count)};
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([&] { all.arrive_and_wait(); });
    for (auto const &thread : threads) ids.push_back(thread.get_id());
  }

  [[nodiscard]] Requester operator[](std::size_t i) const { return {.thread = ids[i], .where = here}; }
};

Place place_for(Requester const &requester, TimePoint deadline = TimePoint::max()) {
  return {.requester = requester, .deadline = deadline};
}

/// A line in which thread 0 has the lease, from `start` on, and 1 and 2 wait for it.
struct BusyLine : LeaseLine {
  Threads threads{4};
  Place first{place_for(threads[1])};
  Place second{place_for(threads[2])};

  BusyLine() : LeaseLine{{}} {
    REQUIRE(take(threads[0], start));
    REQUIRE(join(first));
    REQUIRE(join(second));
  }
};

}  // namespace

TEST_SUITE_BEGIN("lease line");

TEST_CASE("a lease that comes back is left to whoever runs, once, and then goes to the first in line") {
  BusyLine line;

  CHECK(line.release(Use::plain, start).wake == &line.first);
  CHECK(line.is_free());
  CHECK(line.take(line.threads[0], start));  // barges
  CHECK_FALSE(line.consider(line.first, start));

  CHECK(line.release(Use::plain, start).wake == &line.first);
  CHECK(line.holder().thread == line.threads.ids[1]);
  CHECK_FALSE(line.take(line.threads[0], start));
  CHECK(line.consider(line.first, start) == Grant::granted);

  CHECK(line.release(Use::plain, start).wake == &line.second);
  CHECK(line.consider(line.second, start) == Grant::granted);
  CHECK_FALSE(line.release(Use::plain, start).wake);
}

TEST_CASE("the first in line takes a free lease; the second does not") {
  BusyLine line;
  REQUIRE(line.release(Use::plain, start).wake == &line.first);
  CHECK_FALSE(line.consider(line.second, start));
  CHECK(line.consider(line.first, start) == Grant::granted);
  CHECK(line.waiters() == 1);
}

TEST_CASE(
    "a first in line that watches gets a short lease directly, and the one behind it is woken ahead of its turn") {
  BusyLine line;
  line.first.watching = true;
  auto const end = start + longest_watch;

  CHECK(line.release(Use::plain, end).wake == &line.second);
  CHECK(line.holder().thread == line.threads.ids[1]);
  CHECK(line.first.granted_at == end);
  CHECK(line.second.calls == 1);
  CHECK_FALSE(line.take(line.threads[0], end));

  SUBCASE("so that it gets its lease directly, too") {
    line.second.watching = true;
    auto third = place_for(line.threads[3]);
    REQUIRE(line.join(third));
    CHECK(line.release(Use::plain, end).wake == &third);
    CHECK(line.second.granted_at == end);
  }
  SUBCASE("but while it sleeps, the lease is left to whoever runs") {
    CHECK(line.release(Use::plain, end).wake == &line.second);
    CHECK(line.take(line.threads[0], end));
  }
}

TEST_CASE("who takes a free lease as the first in line calls the next one, if the last lease was short") {
  for (bool const was_short : {true, false}) {
    CAPTURE(was_short);
    BusyLine line;
    REQUIRE(line.release(Use::plain, start + longest_watch + (was_short ? 0us : 1us)).wake == &line.first);
    REQUIRE(line.consider(line.first, start + 1h) == Grant::granted);
    CHECK(line.call_ahead() == (was_short ? &line.second : nullptr));
    CHECK(line.second.calls == (was_short ? 1 : 0));
  }
}

TEST_CASE("who is the first to wait for the lease is called at once, if the last one was short") {
  Threads const threads{3};
  LeaseLine line{{}};
  REQUIRE(line.take(threads[0], start));
  auto before = place_for(threads[1]);
  REQUIRE(line.join(before));
  CHECK(before.calls == 0);  // nothing is known yet
  REQUIRE(line.release(Use::plain, start).wake == &before);
  REQUIRE(line.consider(before, start) == Grant::granted);
  auto first = place_for(threads[0]);
  auto second = place_for(threads[2]);
  REQUIRE(line.join(first));
  REQUIRE(line.join(second));
  CHECK(first.calls == 1);
  CHECK(second.calls == 0);
}

TEST_CASE("nobody is woken ahead of a turn that is far off") {
  BusyLine line;
  line.first.watching = true;
  CHECK(line.release(Use::plain, start + longest_watch + 1us).wake == nullptr);
  CHECK(line.holder().thread == line.threads.ids[1]);
  CHECK(line.second.calls == 0);
}

TEST_CASE("an atomic block's lease is left to whoever runs, watched or not, until blocks have passed for long enough") {
  Threads const threads{2};
  for (bool const watching : {false, true}) {
    CAPTURE(watching);
    LeaseLine line{{}};
    REQUIRE(line.take(threads[0], start));
    auto waiter = place_for(threads[1]);
    REQUIRE(line.join(waiter));
    waiter.watching = watching;
    auto *const wake = watching ? nullptr : &waiter;

    auto now = start + 1h;  // what counts is the time of passing, not that of the first lease
    for (unsigned passed = 0; passed < 5; ++passed) {
      CHECK(line.release(Use::block, now).wake == wake);
      CHECK(waiter.calls == passed + 1);  // so that it watches again
      REQUIRE(line.take(threads[0], now));
      now += LeaseLine::longest_passing / 5;
    }
    CHECK(line.release(Use::block, now).wake == wake);
    CHECK(line.holder().thread == threads.ids[1]);
    CHECK(line.consider(waiter, now) == Grant::granted);
  }
}

TEST_CASE("what has passed one waiter does not count for one that comes to an empty line later") {
  Threads const threads{3};
  LeaseLine line{{}};
  REQUIRE(line.take(threads[0], start));
  auto impatient = place_for(threads[1], start + 1ms);
  REQUIRE(line.join(impatient));
  REQUIRE(line.release(Use::block, start).wake == &impatient);
  REQUIRE(line.take(threads[0], start));
  REQUIRE(line.consider(impatient, start + 1ms) == Grant::taken);
  auto waiter = place_for(threads[2]);
  REQUIRE(line.join(waiter));
  CHECK(line.release(Use::block, start + 10s).wake == &waiter);
  CHECK(line.is_free());
}

TEST_CASE("a plain lease that follows blocks which have passed the first in line does not pass it as well") {
  Threads const threads{2};
  LeaseLine line{{}};
  REQUIRE(line.take(threads[0], start));
  auto waiter = place_for(threads[1]);
  REQUIRE(line.join(waiter));
  REQUIRE(line.release(Use::block, start).wake == &waiter);
  REQUIRE(line.take(threads[0], start));
  CHECK(line.release(Use::plain, start).wake == &waiter);
  CHECK(line.holder().thread == threads.ids[1]);
}

TEST_CASE("trap: a waiter that times out or is cancelled does not swallow the hand-off to the next one") {
  Threads const threads{3};
  for (bool const cancelled : {false, true}) {
    CAPTURE(cancelled);
    LeaseLine line{{}};
    REQUIRE(line.take(threads[0], start));
    auto first = place_for(threads[1], start + 10ms);
    auto second = place_for(threads[2]);
    REQUIRE(line.join(first));
    REQUIRE(line.join(second));
    REQUIRE(line.release(Use::plain, start).wake == &first);  // told, but slow to wake up
    REQUIRE(line.take(threads[0], start));
    first.cancelled = cancelled;
    auto const gone = line.consider(first, start + 10ms);
    CHECK(gone == (cancelled ? Grant::cancelled : Grant::taken));
    CHECK(line.release(Use::plain, start).wake == &second);
    CHECK(line.consider(second, start + 10ms) == Grant::granted);
  }
}

TEST_CASE("a waiter whose time ran out takes a free lease, and a grant counts after the time ran out") {
  Threads const threads{2};
  LeaseLine line{{}};
  auto waiter = place_for(threads[1], start + 10ms);
  REQUIRE(line.take(threads[0], start));
  REQUIRE(line.join(waiter));
  CHECK_FALSE(line.consider(waiter, start + 9ms));
  REQUIRE(line.release(Use::plain, start + 9ms).wake == &waiter);
  REQUIRE(line.take(threads[0], start + 9ms));
  REQUIRE(line.release(Use::plain, start + 9ms).wake == &waiter);
  CHECK(line.consider(waiter, start + 11ms) == Grant::granted);
}

TEST_CASE("time is what the caller says: a deadline and an overdue lease on a clock that stands still") {
  Threads const threads{2};
  LeaseLine line{{.hold_warning = 100ms}};
  REQUIRE(line.take(threads[0], start));
  auto waiter = place_for(threads[1], start + 150ms);
  REQUIRE(line.join(waiter));
  CHECK(line.consider_at(waiter, start) == start + 100ms);
  CHECK_FALSE(line.overdue(start + 99ms));

  auto const overdue = line.overdue(start + 100ms);
  REQUIRE(overdue);
  CHECK(overdue->holder.thread == threads.ids[0]);
  CHECK(overdue->holder.since == start);
  CHECK(overdue->holder.where.line() == here.line());
  CHECK(overdue->waiters == 1);
  CHECK_FALSE(line.overdue(start + 140ms));  // once per lease
  CHECK(line.consider_at(waiter, start + 100ms) == start + 150ms);
  CHECK_FALSE(line.consider(waiter, start + 149ms));
  CHECK(line.consider(waiter, start + 150ms) == Grant::taken);

  CHECK(line.release(Use::plain, start + 200ms).was_overdue);
  REQUIRE(line.take(threads[0], start + 200ms));
  CHECK_FALSE(line.overdue(start + 299ms));
  CHECK_FALSE(line.release(Use::plain, start + 299ms).was_overdue);
}

TEST_CASE("a lease that nobody is to be warned of is never overdue") {
  Threads const threads{2};
  LeaseLine line{{.hold_warning = 0ms}};
  REQUIRE(line.take(threads[0], start));
  auto const waiter = place_for(threads[1]);
  CHECK(line.consider_at(waiter, start) == TimePoint::max());
  CHECK_FALSE(line.overdue(start + 24h));
}

TEST_CASE("shutting down refuses those in line, and names one who may clear up") {
  Threads const threads{2};
  LeaseLine line{{}};
  REQUIRE(line.take(threads[0], start));
  auto waiter = place_for(threads[1]);
  REQUIRE(line.join(waiter));
  CHECK_FALSE(line.shut_down());
  CHECK(line.refusal(threads.ids[1]) == Grant::shut_down);
  CHECK(line.consider(waiter, start) == Grant::shut_down);
  CHECK(line.release(Use::plain, start).shut_down);
  CHECK_FALSE(line.shut_down());
}

TEST_CASE("a lease that comes back to a line which was shut down goes to nobody") {
  Threads const threads{2};
  LeaseLine line{{}};
  REQUIRE(line.take(threads[0], start));
  auto waiter = place_for(threads[1]);
  REQUIRE(line.join(waiter));
  waiter.watching = true;
  REQUIRE_FALSE(line.shut_down());
  auto const returned = line.release(Use::plain, start);
  CHECK(returned.shut_down);
  CHECK(returned.wake == nullptr);
  CHECK(line.is_free());
  CHECK(line.consider(waiter, start) == Grant::shut_down);
}

TEST_CASE("a holder is excused while it only waits for the server, and watched anew from then on") {
  Threads const threads{2};
  LeaseLine line{{.max_waiters = 0, .hold_warning = 10ms}};
  REQUIRE(line.take(threads[0], start));
  auto waiter = place_for(threads[1]);
  REQUIRE(line.join(waiter));
  line.excuse();
  CHECK_FALSE(line.overdue(start + 1h));
  CHECK(line.consider_at(waiter, start) == start + 10ms);  // another one may hold the lease by then
  line.end_excuse(start + 1h);
  CHECK(line.consider_at(waiter, start + 1h) == start + 1h + 10ms);
  CHECK_FALSE(line.overdue(start + 1h + 9ms));
  CHECK(line.overdue(start + 1h + 10ms));
}

TEST_CASE("an excuse ends with its lease") {
  Threads const threads{2};
  LeaseLine line{{.max_waiters = 0, .hold_warning = 10ms}};
  REQUIRE(line.take(threads[0], start));
  line.excuse();
  CHECK(line.release(Use::plain, start).wake == nullptr);
  REQUIRE(line.take(threads[1], start));
  CHECK(line.overdue(start + 10ms));
}

TEST_SUITE_END();
