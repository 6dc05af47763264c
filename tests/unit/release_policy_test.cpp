#include "detail/release_policy.hpp"

#include <doctest/doctest.h>

using pqlease::Status;
using pqlease::detail::Exit;
using pqlease::detail::plan_release;
using pqlease::detail::ReleaseAction;
using pqlease::detail::ReleasePlan;
using pqlease::detail::ReleaseReport;

TEST_SUITE_BEGIN("release policy");

TEST_CASE("an idle session is handed over") {
  for (auto const exit : {Exit::normal, Exit::unwinding}) {
    CHECK(plan_release({.status = Status::idle}, exit) == ReleasePlan{ReleaseAction::hand_over, ReleaseReport::none});
  }
}

TEST_CASE("a transaction is rolled back; only a normal exit throws") {
  for (auto const status : {Status::in_transaction, Status::in_error}) {
    CHECK(plan_release({.status = status}, Exit::normal) ==
          ReleasePlan{ReleaseAction::roll_back, ReleaseReport::leak_thrown});
    CHECK(plan_release({.status = status}, Exit::unwinding) ==
          ReleasePlan{ReleaseAction::roll_back, ReleaseReport::leak_logged});
  }
}

TEST_CASE("an active session is drained; only a normal exit throws") {
  CHECK(plan_release({.status = Status::active}, Exit::normal) ==
        ReleasePlan{ReleaseAction::drain, ReleaseReport::leak_thrown});
  CHECK(plan_release({.status = Status::active}, Exit::unwinding) ==
        ReleasePlan{ReleaseAction::drain, ReleaseReport::leak_logged});
}

TEST_CASE("a registered transaction object means quarantine, whatever else is found") {
  for (auto const status :
       {Status::closed, Status::idle, Status::active, Status::in_transaction, Status::in_error, Status::unknown}) {
    for (bool const close_requested : {false, true}) {
      CAPTURE(to_string(status));
      CHECK(plan_release({.status = status, .transaction_registered = true, .close_requested = close_requested},
                         Exit::normal) == ReleasePlan{ReleaseAction::quarantine, ReleaseReport::leak_thrown});
      CHECK(plan_release({.status = status, .transaction_registered = true, .close_requested = close_requested},
                         Exit::unwinding) == ReleasePlan{ReleaseAction::quarantine, ReleaseReport::leak_logged});
    }
  }
}

TEST_CASE("a broken session is closed without a throw: its user has seen the error") {
  for (auto const exit : {Exit::normal, Exit::unwinding}) {
    CHECK(plan_release({.status = Status::unknown}, exit) == ReleasePlan{ReleaseAction::close, ReleaseReport::lost});
  }
}

TEST_CASE("a session that its user closed is cleared away") {
  for (auto const exit : {Exit::normal, Exit::unwinding}) {
    CHECK(plan_release({.status = Status::closed}, exit) == ReleasePlan{ReleaseAction::close, ReleaseReport::closed});
  }
}

TEST_CASE("a session to be closed is closed, and a leak in it still counts") {
  CHECK(plan_release({.status = Status::idle, .close_requested = true}, Exit::normal) ==
        ReleasePlan{ReleaseAction::close, ReleaseReport::closed});
  for (auto const status : {Status::in_transaction, Status::in_error, Status::active}) {
    CHECK(plan_release({.status = status, .close_requested = true}, Exit::normal) ==
          ReleasePlan{ReleaseAction::close, ReleaseReport::leak_thrown});
    CHECK(plan_release({.status = status, .close_requested = true}, Exit::unwinding) ==
          ReleasePlan{ReleaseAction::close, ReleaseReport::leak_logged});
  }
}

TEST_CASE("a cancel request that may arrive late costs the session") {
  for (auto const exit : {Exit::normal, Exit::unwinding}) {
    CHECK(plan_release({.status = Status::idle, .cancel_pending = true}, exit) ==
          ReleasePlan{ReleaseAction::close, ReleaseReport::cancel_late});
    CHECK(plan_release({.status = Status::idle, .close_requested = true, .cancel_pending = true}, exit) ==
          ReleasePlan{ReleaseAction::close, ReleaseReport::closed});
    for (auto const status : {Status::active, Status::in_transaction, Status::in_error}) {
      CHECK(plan_release({.status = status, .cancel_pending = true}, exit).action == ReleaseAction::close);
    }
  }
}

TEST_SUITE_END();
