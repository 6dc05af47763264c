#include "detail/notifications/observer.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

using pqlease::Notification;
using pqlease::detail::Counter;
using pqlease::detail::Observer;

TEST_SUITE_BEGIN("observer");

TEST_CASE("a handler is called with what there is to tell, and counted even when it throws") {
  Counter calls;
  std::string heard;
  Observer observer{"a", [&](Notification const &notification) {
                      heard += notification.payload;
                      throw std::runtime_error{"broken"};
                    }};
  CHECK(observer.channel() == "a");
  CHECK_THROWS_AS(observer.call({.payload = "1"}, &calls), std::runtime_error);
  CHECK_THROWS_AS(observer.call({.payload = "2"}, &calls), std::runtime_error);
  CHECK(heard == "12");
  CHECK(calls.value() == 2);
}

TEST_CASE("a handler that has been ended is destroyed, and neither called nor counted") {
  Counter calls;
  auto witness = std::make_shared<int>(0);
  std::weak_ptr<int> const captured{witness};
  Observer observer{"a", [witness = std::move(witness)](Notification const &) {}};
  observer.call({}, nullptr);
  observer.end();
  CHECK(captured.expired());
  observer.call({}, &calls);
  observer.end();
  CHECK(calls.value() == 0);
}

TEST_CASE("a handler that ends itself lives until it has returned") {
  Observer *self = nullptr;
  auto witness = std::make_shared<int>(0);
  std::weak_ptr<int> const captured{witness};
  Observer observer{"a", [&, witness = std::move(witness)](Notification const &) {
                      self->end();
                      self->end();
                      CHECK_FALSE(captured.expired());
                    }};
  self = &observer;
  observer.call({}, nullptr);
  CHECK(captured.expired());
}

TEST_CASE("what a handler has captured may end its observer once more when it is destroyed") {
  struct EndsAgain {
    Observer *observer;
    ~EndsAgain() { observer->end(); }
  };
  Observer *self = nullptr;
  auto ends_again = std::make_shared<EndsAgain>();
  Observer observer{"a", [&self, held = ends_again](Notification const &) { self->end(); }};
  self = ends_again->observer = &observer;
  ends_again.reset();
  SUBCASE("ended from outside") { observer.end(); }
  SUBCASE("ended from inside") { observer.call({}, nullptr); }
  Counter calls;
  observer.call({}, &calls);
  CHECK(calls.value() == 0);
}

TEST_CASE("end() waits for the call that is under way in another thread") {
  for (int i = 0; i < 100; ++i) {
    std::atomic<bool> begun{false};
    std::atomic<bool> over{false};
    Observer observer{"a", [&](Notification const &) {
                        begun = true;
                        begun.notify_all();
                        for (int turn = 0; turn < 50; ++turn) std::this_thread::yield();
                        over = true;
                      }};
    std::jthread const caller{[&] { observer.call({}, nullptr); }};
    begun.wait(false);
    observer.end();
    CHECK(over);
  }
}

TEST_SUITE_END();
