#include "outage_fixture.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace pqlease::testing {
namespace {

Options with(ReconnectPolicy const &policy, LogCapture const &log, Options options) {
  options.reconnect = policy;
  options.logger = log.logger();
  return options;
}

}  // namespace

ReconnectPolicy steady(std::chrono::milliseconds delay, ReconnectMode mode) {
  return {.initial_delay = delay, .factor = 1.0, .max_delay = delay, .jitter = Jitter::none, .mode = mode};
}

OutageFixture::OutageFixture(ReconnectPolicy const &policy, Options options)
    : manager{[this] { return up ? test_server().conninfo() : std::string{"host=/nonexistent"}; },
              with(policy, log, std::move(options))} {}

void OutageFixture::go_down() { REQUIRE_THROWS_AS(static_cast<void>(manager.lease()), ConnectionDown); }

bool eventually(std::function<bool()> const &done) {
  auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

bool somebody_holds(ManagedConnection const &manager) {
  return eventually([&] { return manager.status() == Status::leased; });
}

std::exception_ptr nested_in(std::exception_ptr const &error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (std::nested_exception const &outer) {
    return outer.nested_ptr();
  } catch (...) {
    return nullptr;
  }
  return nullptr;
}

std::chrono::milliseconds retry_in(std::exception_ptr const &error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (ConnectionDown const &down) {
    return down.retry_in();
  } catch (...) {
    FAIL("not a ConnectionDown");
  }
  return {};
}

}  // namespace pqlease::testing
