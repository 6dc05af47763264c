// Shutting down, destroying and forking with handlers about.

#include "fixture.hpp"
#include "heard.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::ManagedConnection;
using pqlease::ManagerClosed;
using pqlease::Notification;
using pqlease::Subscription;
using pqlease::testing::becomes_true;
using pqlease::testing::Fixture;
using pqlease::testing::Heard;
using pqlease::testing::Lines;
using pqlease::testing::Moment;
using pqlease::testing::notify_from_outside;
using pqlease::testing::test_server;
using pqlease::testing::unique_channel;

namespace {

// The thread sanitizer ends a child process that starts a thread.
#if defined(__SANITIZE_THREAD__)
constexpr bool children_may_have_threads = false;
#elif defined(__has_feature)
constexpr bool children_may_have_threads = !__has_feature(thread_sanitizer);
#else
constexpr bool children_may_have_threads = true;
#endif

/// Runs `body` in a child process that ends without running destructors; returns what `body` returned.
template <class F> bool succeeds_in_child(F body) {
  auto const child = ::fork();
  if (child < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (child == 0) {
    ::alarm(60);  // ends a child that hangs
    bool good = false;
    try {
      good = body();
    } catch (...) {
      good = false;
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_SUITE_BEGIN("notification lifetime");

TEST_CASE("no handler runs after shutdown() has returned, and nobody can subscribe any more") {
  Fixture fixture;
  auto const channel = unique_channel();
  std::atomic<bool> shut_down{false};
  Moment begun;
  auto subscription = fixture.manager.listen(channel, [&](Notification const &) {
    CHECK_FALSE(shut_down);
    begun.come();
    for (int turn = 0; turn < 1000; ++turn) std::this_thread::yield();
    CHECK_FALSE(shut_down);
  });
  for (int i = 0; i < 20; ++i) fixture.manager.notify(channel);
  CHECK(begun.wait());
  fixture.manager.shutdown();
  shut_down = true;
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.listen(channel, [](Notification const &) {})), ManagerClosed);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.on_reopen([] {})), ManagerClosed);
  CHECK_THROWS_AS(fixture.manager.notify(channel), ManagerClosed);
  subscription.end();
}

TEST_CASE("a handler that waits for the lease when the manager is shut down gets ManagerClosed") {
  Fixture fixture;
  auto const channel = unique_channel();
  Moment begun;
  std::atomic<bool> refused{false};
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &) {
    begun.come();
    try {
      auto lease = fixture.manager.lease();
    } catch (ManagerClosed const &) {
      refused = true;
    }
  });
  fixture.manager.notify(channel);
  auto lease = [&] {
    // Between the handler's turns or before its first: it waits, or will.
    return fixture.manager.lease_for(20s);
  }();
  notify_from_outside(channel, "again");
  lease.release();
  CHECK(begun.wait());
  fixture.manager.shutdown();
  CHECK_FALSE(fixture.manager.is_open());
}

TEST_CASE("a handler may shut the manager down") {
  Fixture fixture;
  auto const channel = unique_channel();
  Moment done;
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &) {
    fixture.manager.shutdown();
    done.come();
  });
  fixture.manager.notify(channel);
  CHECK(done.wait());
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease()), ManagerClosed);
  fixture.manager.shutdown();
}

TEST_CASE("a handler may destroy the manager, and a subscription may outlive it") {
  for (int i = 0; i < 10; ++i) {
    auto manager = std::make_unique<ManagedConnection>(test_server().conninfo());
    auto const channel = unique_channel();
    auto witness = std::make_shared<int>(1);
    std::weak_ptr<int> const captured{witness};
    Moment done;
    auto subscription = manager->listen(channel, [&, witness = std::move(witness)](Notification const &) {
      manager.reset();
      done.come();
    });
    notify_from_outside(channel, "goodbye");
    CHECK(done.wait());
    CHECK(manager == nullptr);
    subscription.end();
    CHECK(captured.expired());
  }
}

TEST_CASE("managers with subscriptions come and go") {
  auto const channel = unique_channel();
  for (int i = 0; i < 20; ++i) {
    std::optional<ManagedConnection> manager{std::in_place, test_server().conninfo()};
    auto const before = manager->listen(channel, [](Notification const &) {});
    auto const reopened = manager->on_reopen([] {});
    if (i % 2 == 0) manager->notify(channel);
    manager.reset();
  }
}

TEST_CASE("shutdown() from many threads at once") {
  Fixture fixture;
  auto const channel = unique_channel();
  auto const subscription = fixture.manager.listen(channel, [](Notification const &) {});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { fixture.manager.shutdown(); });
}

TEST_CASE("a child process listens anew, the subscriptions that it inherits are dead, and its parent notices nothing") {
  if (!children_may_have_threads) return;
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto subscription = fixture.manager.listen(channel, heard.handler());
  for (int i = 0; i < 5; ++i) {
    CHECK(succeeds_in_child([&] {
      Heard own;
      auto const listening = fixture.manager.listen(channel, own.handler("child "));
      subscription.end();
      fixture.manager.notify(channel, "from the child");
      bool const good =
          own.wait_for(1) == Lines{"child " + channel + ": from the child"} && fixture.manager.epoch() == 2;
      fixture.manager.shutdown();
      return good;
    }));
  }
  CHECK(heard.wait_for(5) == Lines(5, channel + ": from the child"));
  notify_from_outside(channel, "to the parent");
  CHECK(heard.wait_for(6).back() == channel + ": to the parent");
  CHECK(fixture.manager.epoch() == 1);
  subscription.end();
}

TEST_CASE("a child may destroy the manager that it inherits, in the midst of its parent's notifications") {
  Fixture const fixture;
  auto const channel = unique_channel();
  std::optional<ManagedConnection> manager{std::in_place, fixture.server.conninfo()};
  std::atomic<int> calls{0};
  std::optional<Subscription> subscription{manager->listen(channel, [&](Notification const &) { ++calls; })};
  {
    std::jthread const sender{[&](std::stop_token const &stop) {
      while (!stop.stop_requested()) manager->notify(channel);
    }};
    for (int i = 0; i < 20; ++i) {
      for (int const before = calls; calls == before;) std::this_thread::yield();
      CHECK(succeeds_in_child([&] {
        subscription.reset();
        manager.reset();
        return true;
      }));
    }
  }
  subscription.reset();
}

TEST_CASE("a handler may fork") {
  Fixture fixture;
  auto const channel = unique_channel();
  Heard heard;
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &notification) {
    bool const good = succeeds_in_child([&] {
      fixture.manager.notify(notification.payload, "from the child");
      return true;
    });
    heard.add(good ? "good" : "bad");
  });
  auto const answer = unique_channel();
  auto const answers = fixture.manager.listen(answer, heard.handler());
  fixture.manager.notify(channel, answer);
  CHECK(heard.wait_for(2) == Lines{"good", answer + ": from the child"});
}

TEST_SUITE_END();
