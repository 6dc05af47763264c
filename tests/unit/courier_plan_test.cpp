#include "detail/notifications/courier_plan.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using pqlease::detail::CourierPlan;
using pqlease::detail::CourierStep;
using pqlease::detail::CourierView;
using pqlease::detail::nap_length;
using pqlease::detail::plan_courier;
using pqlease::detail::probe_interval;
using TimePoint = CourierView::TimePoint;

namespace {

constexpr TimePoint now{1000s};

CourierView idle() { return {.is_open = true, .now = now, .probe_at = now + 50s}; }

template <class Change> CourierPlan plan(Change change) {
  auto view = idle();
  change(view);
  return plan_courier(view);
}

}  // namespace

TEST_SUITE_BEGIN("courier plan");

TEST_CASE("an idle session is watched, until it has to prove that it is alive") {
  CHECK(plan_courier(idle()) == CourierPlan{CourierStep::watch, now + 50s});
  CHECK(plan([](auto &view) { view.probe_at = now; }).step == CourierStep::visit);
  CHECK(plan([](auto &view) { view.retry_at = now + 1s; }) == CourierPlan{CourierStep::watch, now + 1s});
}

TEST_CASE("without a session that is wanted there is nothing to watch but the bell") {
  CHECK(plan([](auto &view) {
          view.is_open = false;
          view.probe_at = now;
        }) == CourierPlan{CourierStep::watch, TimePoint::max()});
}

TEST_CASE("what the server says, channels that have changed and a session that is missing lead to a visit") {
  CHECK(plan([](auto &view) { view.has_input = true; }).step == CourierStep::visit);
  CHECK(plan([](auto &view) { view.has_steps = true; }).step == CourierStep::visit);
  CHECK(plan([](auto &view) {
          view.wants_session = true;
          view.is_open = false;
        }).step == CourierStep::visit);
  CHECK(plan([](auto &view) { view.wants_session = true; }).step == CourierStep::watch);
}

TEST_CASE("a visit has precedence over waiting for whoever has the lease, since it waits in the queue") {
  CHECK(plan([](auto &view) {
          view.has_steps = true;
          view.is_leased = true;
          view.was_leased = true;
        }).step == CourierStep::visit);
}

TEST_CASE("during a back-off a visit waits, and the socket is left alone") {
  CHECK(plan([](auto &view) {
          view.has_input = true;
          view.not_before = now + 100ms;
        }) == CourierPlan{CourierStep::doze, now + 100ms});
  CHECK(plan([](auto &view) {
          view.wants_session = true;
          view.is_open = false;
          view.not_before = now + 100ms;
        }) == CourierPlan{CourierStep::doze, now + 100ms});
}

TEST_CASE("while leases come and go it naps, so that none of them has to wake it") {
  CHECK(plan([](auto &view) { view.was_leased = true; }) == CourierPlan{CourierStep::nap, now + nap_length});
  CHECK(plan([](auto &view) {
          view.was_leased = true;
          view.is_leased = true;
        }).step == CourierStep::nap);
}

TEST_CASE("it waits for the end of a long lease, and does not watch the socket that the lease reads") {
  CHECK(plan([](auto &view) { view.is_leased = true; }) == CourierPlan{CourierStep::doze, TimePoint::max()});
}

TEST_CASE("between two calls of handlers there is time for an errand, unless a long lease is under way") {
  auto const backlog = [](auto &view) {
    view.has_events = true;
    view.has_told = true;
  };
  auto const with_errand = [&](auto &view) {
    backlog(view);
    view.has_steps = true;
  };
  CHECK(plan(backlog).step == CourierStep::dispatch);
  CHECK(plan(with_errand).step == CourierStep::visit);
  CHECK(plan([&](auto &view) {
          with_errand(view);
          view.is_leased = true;
        }).step == CourierStep::dispatch);
  CHECK(plan([&](auto &view) {
          with_errand(view);
          view.is_leased = true;
          view.was_leased = true;
        }).step == CourierStep::visit);
  CHECK(plan([&](auto &view) {
          with_errand(view);
          view.not_before = now + 100ms;
        }).step == CourierStep::dispatch);
}

TEST_CASE("handlers come before everything but the end") {
  CHECK(plan([](auto &view) {
          view.has_events = true;
          view.has_steps = true;
          view.has_input = true;
          view.was_leased = true;
        }).step == CourierStep::dispatch);
  CHECK(plan([](auto &view) {
          view.stopping = true;
          view.has_events = true;
        }).step == CourierStep::stop);
}

TEST_CASE("an idle session is probed a hundred times more seldom than by leases, and never more than every 10 s") {
  CHECK(probe_interval(500ms) == 50s);
  CHECK(probe_interval(0ms) == 10s);
  CHECK(probe_interval(24h) == 2400h);
}

TEST_SUITE_END();
