#include "detail/release_policy.hpp"

#include <doctest/doctest.h>

using pqlease::Status;
using pqlease::detail::plan_release;
using pqlease::detail::ReleaseAction;
using pqlease::detail::ReleasePlan;
using pqlease::detail::ReleaseReport;

TEST_SUITE_BEGIN("release policy");

TEST_CASE("an idle session is handed over") {
  CHECK(plan_release({.status = Status::idle}) == ReleasePlan{ReleaseAction::hand_over, ReleaseReport::none});
}

TEST_CASE("a transaction is rolled back, and is a leak") {
  for (auto const status : {Status::in_transaction, Status::in_error}) {
    CHECK(plan_release({.status = status}) == ReleasePlan{ReleaseAction::roll_back, ReleaseReport::leak});
  }
}

TEST_CASE("an active session is drained, and is a leak") {
  CHECK(plan_release({.status = Status::active}) == ReleasePlan{ReleaseAction::drain, ReleaseReport::leak});
}

TEST_CASE("a registered transaction object means quarantine, whatever else is found") {
  for (auto const status :
       {Status::closed, Status::idle, Status::active, Status::in_transaction, Status::in_error, Status::unknown}) {
    for (bool const close_requested : {false, true}) {
      CAPTURE(to_string(status));
      CHECK(plan_release({.status = status, .transaction_registered = true, .close_requested = close_requested}) ==
            ReleasePlan{ReleaseAction::quarantine, ReleaseReport::leak});
    }
  }
}

TEST_CASE("a broken session is closed and is no leak: its user has seen the error") {
  CHECK(plan_release({.status = Status::unknown}) == ReleasePlan{ReleaseAction::close, ReleaseReport::lost});
}

TEST_CASE("a session that its user closed is cleared away") {
  CHECK(plan_release({.status = Status::closed}) == ReleasePlan{ReleaseAction::close, ReleaseReport::closed});
}

TEST_CASE("a session to be closed is closed, and a leak in it still counts") {
  CHECK(plan_release({.status = Status::idle, .close_requested = true}) ==
        ReleasePlan{ReleaseAction::close, ReleaseReport::closed});
  for (auto const status : {Status::in_transaction, Status::in_error, Status::active}) {
    CHECK(plan_release({.status = status, .close_requested = true}) ==
          ReleasePlan{ReleaseAction::close, ReleaseReport::leak});
  }
}

TEST_CASE("a cancel request that may arrive late costs the session") {
  CHECK(plan_release({.status = Status::idle, .cancel_pending = true}) ==
        ReleasePlan{ReleaseAction::close, ReleaseReport::cancel_late});
  CHECK(plan_release({.status = Status::idle, .close_requested = true, .cancel_pending = true}) ==
        ReleasePlan{ReleaseAction::close, ReleaseReport::closed});
  for (auto const status : {Status::active, Status::in_transaction, Status::in_error}) {
    CHECK(plan_release({.status = status, .cancel_pending = true}).action == ReleaseAction::close);
  }
}

TEST_SUITE_END();
