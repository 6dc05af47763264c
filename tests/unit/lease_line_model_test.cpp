// Random sequences of operations on a LeaseLine, with a clock and a scheduler that the test plays itself, checked
// against a model that is too simple to be wrong.

#include "detail/lease_line.hpp"
#include "support/random_seed.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <latch>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using pqlease::detail::Grant;
using pqlease::detail::LeaseLine;
using pqlease::detail::LineLimits;
using pqlease::detail::Place;
using pqlease::detail::Use;

namespace {

constexpr std::size_t actors = 60;
constexpr std::size_t most_waiters = 50;
constexpr auto longest_watch = LineLimits{}.longest_watch;

std::vector<std::thread::id> distinct_thread_ids() {
  std::latch all{actors};
  std::vector<std::jthread> threads;
  std::vector<std::thread::id> ids;
  for (std::size_t i = 0; i < actors; ++i) threads.emplace_back([&] { all.arrive_and_wait(); });
  for (auto const &thread : threads) ids.push_back(thread.get_id());
  return ids;
}

/// A thread that waits: its place, whether it was woken and has not run yet, and what it has seen of the calls.
struct Waiting {
  Place place;
  bool woken{false};
  unsigned calls_seen{0};
};

class World {
public:
  explicit World(std::uint64_t seed) : random_{seed}, ids_{distinct_thread_ids()} {}

  void step() {
    switch (pick(10)) {
    case 0:
    case 1:
    case 2:
      return ask(pick(actors));
    case 3:
    case 4:
      return give_back();
    case 5:
    case 6:
    case 7:
      return let_one_run();
    case 8:
      return cancel(pick(actors));
    default:
      now_ += pick(2) == 0 ? std::chrono::microseconds{pick(300)} : std::chrono::milliseconds{pick(30)};
      return look_for_overdue();
    }
  }

  void shut_down() {
    bool const alone = line_.shut_down();
    CHECK(alone == !holder_);
    for (auto const i : std::deque<std::size_t>{queue_}) {
      auto const verdict = line_.consider(waiting_[i]->place, now_);
      bool const was_granted = holder_ == i;
      CHECK(verdict == (was_granted ? Grant::granted : Grant::shut_down));
      leave(i);
    }
    if (holder_) CHECK(line_.release(Use::plain, now_).shut_down);
    CHECK(line_.waiters() == 0);
    for (auto const &id : ids_) CHECK(line_.refusal(id) == Grant::shut_down);
  }

  /// What must hold between any two operations.
  void check() const {
    CHECK(line_.is_free() == !holder_);
    if (holder_) CHECK(line_.holder().thread == ids_[*holder_]);
    CHECK(line_.waiters() == queue_.size());
    CHECK(line_.waiters() <= most_waiters);
    CHECK(line_.first() == (queue_.empty() ? nullptr : &waiting_[queue_.front()]->place));
    CHECK(line_.max_barging() == most_to_pass());
    // The hand-off never gets lost: a free lease that somebody waits for has been told to the first in line, unless
    // that one sees for itself.
    if (!holder_ && !queue_.empty()) CHECK(is_awake(queue_.front()));
  }

  [[nodiscard]] std::size_t granted() const noexcept { return granted_; }
  [[nodiscard]] std::size_t barged() const noexcept { return barged_; }
  [[nodiscard]] std::size_t called_ahead() const noexcept { return called_ahead_; }
  [[nodiscard]] std::size_t timed_out() const noexcept { return timed_out_; }
  [[nodiscard]] std::size_t overdue() const noexcept { return overdue_; }

private:
  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>{0, count - 1}(random_); }

  void ask(std::size_t i) {
    if (waiting_[i]) return;  // it sleeps
    auto const refusal = line_.refusal(ids_[i]);
    CHECK(refusal == (holder_ == i ? std::optional{Grant::recursive} : std::nullopt));
    if (refusal) return;
    bool const may_take = !holder_;
    CHECK(line_.take({.thread = ids_[i], .where = {}}, now_) == may_take);
    if (may_take) {
      if (!queue_.empty()) pass();
      return hold(i);
    }
    line_up(i);
  }

  void line_up(std::size_t i) {
    auto const deadline = pick(2) == 0 ? LeaseLine::TimePoint::max() : now_ + std::chrono::milliseconds{pick(100)};
    waiting_[i].emplace(Waiting{.place = {.requester = {.thread = ids_[i], .where = {}}, .deadline = deadline}});
    bool const has_room = queue_.size() < most_waiters;
    bool const called = queue_.empty() && last_was_short_;
    CHECK(line_.join(waiting_[i]->place) == has_room);
    if (has_room) {
      queue_.push_back(i);
      CHECK(waiting_[i]->place.calls == (called ? 1 : 0));
    } else {
      waiting_[i].reset();
    }
  }

  void give_back() {
    if (!holder_ || waiting_[*holder_]) return;  // nobody, or not awake yet
    auto const use = pick(3) == 0 ? Use::block : Use::plain;
    last_was_short_ = now_ - since_ <= longest_watch;
    released_at_ = now_;
    last_use_ = use;
    auto const returned = line_.release(use, now_);
    CHECK(returned.holder.thread == ids_[*holder_]);
    CHECK(returned.holder.since == since_);
    CHECK(returned.was_overdue == told_);
    CHECK_FALSE(returned.shut_down);
    holder_.reset();
    told_ = false;
    if (queue_.empty()) {
      CHECK(returned.wake == nullptr);
      return;
    }
    auto const next = queue_.front();
    bool const watching = waiting_[next]->place.watching;
    if (!is_turn_of_first(use)) return expect_wake(returned.wake, watching ? std::nullopt : std::optional{next});
    leave_line(next);
    hold(next);
    if (!watching) return expect_wake(returned.wake, next);
    expect_call_ahead(returned.wake);
  }

  void pass() {
    if (passed_++ == 0) passed_since_ = now_;
    ++barged_;
    // So nobody starves: more than three leases pass one waiter only if the last of them follows a block, which came
    // back before leases had passed for long.
    if (first_to_be_passed_ != queue_.front()) {
      first_to_be_passed_ = queue_.front();
      times_passed_ = 0;
      first_passed_at_ = now_;
    }
    if (++times_passed_ <= 3) return;
    CHECK(last_use_ == Use::block);
    CHECK(released_at_ - first_passed_at_ < LeaseLine::longest_passing);
  }

  [[nodiscard]] bool is_turn_of_first(Use use) const {
    if (use == Use::block) return passed_ != 0 && now_ - passed_since_ >= LeaseLine::longest_passing;
    return waiting_[queue_.front()]->place.watching || passed_ >= most_to_pass();
  }

  void expect_call_ahead(Place const *wake) {
    bool const call = last_was_short_ && !queue_.empty() && !waiting_[queue_.front()]->place.watching;
    if (call) ++called_ahead_;
    expect_wake(wake, call ? std::optional{queue_.front()} : std::nullopt);
  }

  void expect_wake(Place const *wake, std::optional<std::size_t> expected) {
    CHECK(wake == (expected ? &waiting_[*expected]->place : nullptr));
    if (expected) waiting_[*expected]->woken = true;
  }

  [[nodiscard]] bool is_awake(std::size_t i) const { return waiting_[i]->woken || waiting_[i]->place.watching; }

  /// A thread runs when it is awake, or when its time has come.
  [[nodiscard]] bool can_run(std::size_t i) const {
    return waiting_[i] && (is_awake(i) || now_ >= line_.consider_at(waiting_[i]->place, now_));
  }

  void let_one_run() {
    auto const start = pick(actors);
    for (std::size_t n = 0; n < actors; ++n) {
      auto const i = (start + n) % actors;
      if (can_run(i)) return run(i);
    }
  }

  void run(std::size_t i) {
    auto &self = *waiting_[i];
    self.place.watching = false;
    auto const verdict = line_.consider(self.place, now_);
    self.woken = false;
    if (holder_ == i) {
      CHECK(verdict == Grant::granted);
      return start_lease(i);
    }
    bool const first = queue_.front() == i;
    if (!holder_ && first) {
      CHECK(verdict == Grant::granted);
      leave_line(i);
      hold(i);
      return start_lease(i);
    }
    if (!self.place.cancelled && now_ < self.place.deadline) {
      CHECK_FALSE(verdict.has_value());
      self.place.watching = std::exchange(self.calls_seen, self.place.calls) != self.place.calls;
      return;
    }
    CHECK(verdict == (self.place.cancelled ? Grant::cancelled : Grant::taken));
    if (verdict == Grant::taken) ++timed_out_;
    leave(i);
  }

  void cancel(std::size_t i) {
    if (!waiting_[i] || pick(4) != 0) return;
    waiting_[i]->place.cancelled = true;
    waiting_[i]->woken = true;
  }

  void look_for_overdue() {
    bool const due = holder_ && !told_ && now_ >= since_ + hold_warning;
    auto const overdue = line_.overdue(now_);
    CHECK(overdue.has_value() == due);
    if (!due) return;
    CHECK(overdue->holder.thread == ids_[*holder_]);
    told_ = true;
    ++overdue_;
  }

  /// One for every sixteen in line, from one to three.
  [[nodiscard]] std::size_t most_to_pass() const {
    auto const size = queue_.size();
    return size < 32 ? 1 : size < 48 ? 2 : 3;
  }

  void hold(std::size_t i) {
    CHECK_FALSE(holder_);
    holder_ = i;
    since_ = now_;
    ++granted_;
  }

  void start_lease(std::size_t i) {
    waiting_[i].reset();
    expect_call_ahead(line_.call_ahead());
  }

  /// With the lease.
  void leave_line(std::size_t i) {
    std::erase(queue_, i);
    passed_ = 0;
    first_to_be_passed_.reset();
  }

  /// Without it.
  void leave(std::size_t i) {
    std::erase(queue_, i);
    if (queue_.empty()) passed_ = 0;
    if (first_to_be_passed_ == i) first_to_be_passed_.reset();
    waiting_[i].reset();
  }

  static constexpr std::chrono::milliseconds hold_warning{40};

  std::mt19937_64 random_;
  std::vector<std::thread::id> ids_;
  LeaseLine line_{{.max_waiters = most_waiters, .hold_warning = hold_warning}};
  LeaseLine::TimePoint now_{1h};

  // The model.
  std::optional<std::size_t> holder_{};
  LeaseLine::TimePoint since_{};
  bool told_{false};
  std::deque<std::size_t> queue_{};
  std::array<std::optional<Waiting>, actors> waiting_{};
  std::size_t passed_{0};
  LeaseLine::TimePoint passed_since_{};
  bool last_was_short_{false};

  // For the bound on what passes one waiter, whatever the rules are.
  std::optional<std::size_t> first_to_be_passed_{};
  std::size_t times_passed_{0};
  LeaseLine::TimePoint first_passed_at_{};
  LeaseLine::TimePoint released_at_{};
  Use last_use_{Use::plain};

  std::size_t granted_{0};
  std::size_t barged_{0};
  std::size_t called_ahead_{0};
  std::size_t timed_out_{0};
  std::size_t overdue_{0};
};

}  // namespace

TEST_SUITE_BEGIN("lease line");

TEST_CASE("random sequences of operations agree with a model") {
  auto const seed = pqlease::testing::announce_seed("lease line against its model");
  CAPTURE(seed);
  std::size_t granted = 0;
  std::size_t barged = 0;
  std::size_t called_ahead = 0;
  std::size_t timed_out = 0;
  std::size_t overdue = 0;
  for (std::uint64_t run = 0; run < 60; ++run) {
    CAPTURE(run);
    World world{seed + run};
    for (int i = 0; i < 2'000; ++i) {
      world.step();
      world.check();
    }
    granted += world.granted();
    barged += world.barged();
    called_ahead += world.called_ahead();
    timed_out += world.timed_out();
    overdue += world.overdue();
    world.shut_down();
  }
  // The sequences went where it matters.
  CHECK(granted > 3'000);
  CHECK(barged > 500);
  CHECK(called_ahead > 100);
  CHECK(timed_out > 200);
  CHECK(overdue > 200);
}

TEST_SUITE_END();
