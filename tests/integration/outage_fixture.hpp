#pragma once

#include "fixture.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <thread>

namespace pqlease::testing {

/// A policy without chance.
[[nodiscard]] ReconnectPolicy steady(std::chrono::milliseconds delay, ReconnectMode mode = ReconnectMode::on_demand);

/// A back-off that no test waits out; not so long that one hangs that has to.
inline constexpr std::chrono::milliseconds for_ever = std::chrono::seconds{20};

/// Runs what would take a back-off of `for_ever` if it waited for it.
template <class F> void check_at_once(F f) {
  auto const start = std::chrono::steady_clock::now();
  f();
  CHECK(std::chrono::steady_clock::now() - start < for_ever / 2);
}

/// A manager that finds a server only when the test says so; else an attempt fails at once.
struct OutageFixture {
  explicit OutageFixture(ReconnectPolicy const &policy, Options options = {});

  /// The first attempt: fails, and the manager is down.
  void go_down();

  std::atomic<bool> up{false};
  LogCapture log{};
  ManagedConnection manager;
};

/// Waits, for long if need be, until `done` is true; a test fails when it never is.
[[nodiscard]] bool eventually(std::function<bool()> const &done);

/// Waits until somebody holds the lease: while down, until somebody waits for the next attempt.
[[nodiscard]] bool somebody_holds(ManagedConnection const &manager);

/// The error that `f` throws.
template <class F> [[nodiscard]] std::exception_ptr error_of(F f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

/// What is nested in an error; null if nothing is.
[[nodiscard]] std::exception_ptr nested_in(std::exception_ptr const &error);

/// Whether the error is of this type.
template <class E> [[nodiscard]] bool is(std::exception_ptr const &error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (E const &) {
    return true;
  } catch (...) {
    return false;
  }
  return false;
}

/// ConnectionDown's time until the next attempt.
[[nodiscard]] std::chrono::milliseconds retry_in(std::exception_ptr const &error);

}  // namespace pqlease::testing
