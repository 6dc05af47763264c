#include "detail/background_thread.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

using pqlease::detail::BackgroundThread;

TEST_SUITE_BEGIN("background thread");

TEST_CASE("join() and the destructor wait for the thread to end") {
  std::atomic<int> done{0};
  {
    BackgroundThread thread;
    thread.join();  // there is none
    thread.start([&] { ++done; });
    thread.join();
    CHECK(done == 1);
    thread.join();
    thread.start([&] { ++done; });
  }
  CHECK(done == 2);
}

TEST_CASE("a thread may be followed by another one, which waits for it to end") {
  std::atomic<int> done{0};
  BackgroundThread thread;
  for (int i = 0; i < 10; ++i) {
    thread.start([&, i] {
      CHECK(done == i);
      ++done;
    });
  }
  thread.join();
  CHECK(done == 10);
}

TEST_CASE("the last owner may be the thread itself") {
  auto owner = std::make_shared<BackgroundThread>();
  std::promise<void> go;
  auto const gone = std::make_shared<std::promise<void>>();
  owner->start([own = owner, gone, may_go = go.get_future().share()]() mutable {
    may_go.wait();
    own.reset();
    gone->set_value();
  });
  owner.reset();
  go.set_value();
  CHECK(gone->get_future().wait_for(std::chrono::seconds{20}) == std::future_status::ready);
}

TEST_SUITE_END();
