// Handlers: several, slow, broken ones, and ones that use the manager.

#include "fixture.hpp"
#include "heard.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Notification;
using pqlease::Subscription;
using pqlease::testing::becomes_true;
using pqlease::testing::Fixture;
using pqlease::testing::Heard;
using pqlease::testing::Lines;
using pqlease::testing::Moment;
using pqlease::testing::notify_from_outside;
using pqlease::testing::unique_channel;

TEST_SUITE_BEGIN("notification handlers");

TEST_CASE("several handlers of a channel are called in the order in which they came") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  std::vector<Subscription> subscriptions;
  for (auto const *name : {"a ", "b ", "c "})
    subscriptions.push_back(fixture.manager.listen(channel, heard.handler(name)));
  notify_from_outside(channel, "1");
  notify_from_outside(channel, "2");
  CHECK(heard.wait_for(6) == Lines{"a " + channel + ": 1", "b " + channel + ": 1", "c " + channel + ": 1",
                                   "a " + channel + ": 2", "b " + channel + ": 2", "c " + channel + ": 2"});
  CHECK(fixture.manager.statistics().notifications_delivered == 6);
}

TEST_CASE("what a handler throws is logged, and the other handlers run") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const first = fixture.manager.listen(channel, [](Notification const &) { throw std::runtime_error{"broken"}; });
  auto const second = fixture.manager.listen(channel, [](Notification const &) { throw 42; });
  auto const third = fixture.manager.listen(channel, heard.handler());
  notify_from_outside(channel, "hello");
  notify_from_outside(channel, "again");
  CHECK(heard.wait_for(2) == Lines{channel + ": hello", channel + ": again"});
  auto const &name = fixture.manager.conninfo();
  CHECK(fixture.log.contains("error: " + name + ": a handler of channel \"" + channel + "\" threw: broken"));
  CHECK(fixture.log.contains("\" threw: an exception of unknown type"));
  CHECK(fixture.manager.statistics().notifications_delivered >= 5);
}

TEST_CASE("a handler may end its own subscription, which destroys it once the call has returned") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto witness = std::make_shared<int>(1);
  std::weak_ptr<int> const captured{witness};
  std::optional<Subscription> subscription;
  Moment subscribed;
  subscription.emplace(fixture.manager.listen(channel, [&, witness = std::move(witness)](Notification const &) {
    CHECK(subscribed.wait());
    subscription->end();
    subscription.reset();
    heard.add(std::to_string(*witness));
  }));
  subscribed.come();
  auto const other = fixture.manager.listen(channel, heard.handler());
  notify_from_outside(channel, "hello");
  notify_from_outside(channel, "again");
  CHECK(heard.wait_for(3) == Lines{"1", channel + ": hello", channel + ": again"});
  CHECK(captured.expired());
}

TEST_CASE("a handler may end another one's subscription, which is not called any more") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  Subscription second;
  auto const first = fixture.manager.listen(channel, [&](Notification const &) {
    second.end();
    heard.add("first");
  });
  second = fixture.manager.listen(channel, heard.handler("second "));
  auto const third = fixture.manager.listen(channel, heard.handler("third "));
  notify_from_outside(channel, "hello");
  CHECK(heard.wait_for(2) == Lines{"first", "third " + channel + ": hello"});
}

TEST_CASE("a handler may subscribe: the new handler hears what comes next") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const other = unique_channel();
  std::vector<Subscription> added;
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &notification) {
    if (!added.empty()) return;
    added.push_back(fixture.manager.listen(channel, heard.handler("same ")));
    added.push_back(fixture.manager.listen(other, heard.handler("other ")));
    heard.add("subscribed at " + notification.payload);
  });
  notify_from_outside(channel, "1");
  CHECK(heard.wait_for(1) == Lines{"subscribed at 1"});
  notify_from_outside(channel, "2");
  notify_from_outside(other, "3");
  CHECK(heard.wait_for(3) == Lines{"subscribed at 1", "same " + channel + ": 2", "other " + other + ": 3"});
}

TEST_CASE("a handler may use the manager: leases, notifications, getters") {
  Fixture fixture;
  Heard heard;
  auto const question = unique_channel();
  auto const answer = unique_channel();
  auto const answering = fixture.manager.listen(question, [&](Notification const &notification) {
    auto lease = fixture.manager.lease();
    pqxx::work work{*lease};
    fixture.insert(work);
    work.commit();
    lease.release();
    fixture.manager.notify(answer, notification.payload + "!");
  });
  auto const hearing = fixture.manager.listen(answer, heard.handler());
  notify_from_outside(question, "hello");
  CHECK(heard.wait_for(1) == Lines{answer + ": hello!"});
  CHECK(fixture.committed_rows() == 1);
}

TEST_CASE("a slow handler blocks no lease, and loses nothing") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  Moment begun;
  Moment go_on;
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &notification) {
    begun.come();
    CHECK(go_on.wait());
    heard.add(notification.payload);
  });
  Lines expected;
  for (int i = 0; i < 20; ++i) {
    fixture.manager.notify(channel, std::to_string(i));
    expected.push_back(std::to_string(i));
  }
  CHECK(begun.wait());
  {
    auto lease = fixture.manager.lease_for(10s);
    CHECK(pqxx::nontransaction{*lease}.query_value<int>("SELECT 1") == 1);
  }
  CHECK(heard.lines().empty());
  go_on.come();
  CHECK(heard.wait_for(20) == expected);
}

TEST_CASE("between two calls of slow handlers there is time for what else the session has to do") {
  Fixture fixture;
  Heard heard;
  Moment begun;
  Moment go_on;
  auto const slow = unique_channel();
  auto const other = unique_channel();
  auto const is_left = [&] {
    pqxx::connection onlooker{fixture.server.conninfo()};
    return pqxx::nontransaction{onlooker}.query_value<bool>(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'UNLISTEN%' || $1 || '%')", pqxx::params{other});
  };
  auto const subscription = fixture.manager.listen(slow, [&](Notification const &notification) {
    begun.come();
    CHECK(go_on.wait());
    heard.add(notification.payload + (is_left() ? ": left" : ": listened to"));
  });
  auto ending = fixture.manager.listen(other, [](Notification const &) {});
  fixture.manager.atomic([&](pqxx::transaction_base &) {
    for (auto const *payload : {"first", "second"}) fixture.manager.notify(slow, payload);
  });
  CHECK(begun.wait());
  ending.end();
  go_on.come();
  CHECK(heard.wait_for(2) == Lines{"first: listened to", "second: left"});
}

TEST_CASE("when end() returns the handler is not running, does not run again, and is destroyed") {
  Fixture fixture;
  auto const channel = unique_channel();
  for (int i = 0; i < 20; ++i) {
    Moment begun;
    std::atomic<bool> running{false};
    std::atomic<bool> ended{false};
    auto witness = std::make_shared<int>(1);
    std::weak_ptr<int> const captured{witness};
    auto subscription = fixture.manager.listen(channel, [&, witness = std::move(witness)](Notification const &) {
      CHECK_FALSE(ended);
      running = true;
      begun.come();
      for (int turn = 0; turn < 1000; ++turn) std::this_thread::yield();
      running = false;
    });
    for (int n = 0; n < 5; ++n) fixture.manager.notify(channel);
    CHECK(begun.wait());
    subscription.end();
    ended = true;
    CHECK_FALSE(running);
    CHECK(captured.expired());
    CHECK_FALSE(static_cast<bool>(subscription));
    subscription.end();
  }
}

TEST_CASE("a subscription that is moved keeps its handler, and one that is assigned over loses it") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto first = fixture.manager.listen(channel, heard.handler("first "));
  auto second = std::move(first);
  CHECK_FALSE(static_cast<bool>(first));  // NOLINT(bugprone-use-after-move): that is what is tested
  notify_from_outside(channel, "1");
  CHECK(heard.wait_for(1).size() == 1);
  second = fixture.manager.listen(channel, heard.handler("second "));
  notify_from_outside(channel, "2");
  CHECK(heard.wait_for(2) == Lines{"first " + channel + ": 1", "second " + channel + ": 2"});
}

TEST_CASE("handlers come and go from many threads while notifications arrive") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  std::atomic<int> calls{0};
  auto const steady = fixture.manager.listen(channel, heard.handler());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&](std::stop_token const &stop) {
        while (!stop.stop_requested()) {
          auto const passing = fixture.manager.listen(channel, [&](Notification const &) { ++calls; });
          auto const own = fixture.manager.listen(unique_channel(), [&](Notification const &) { ++calls; });
        }
      });
    }
    Lines expected;
    for (int i = 0; i < 50; ++i) {
      fixture.manager.notify(channel, std::to_string(i));
      expected.push_back(channel + ": " + std::to_string(i));
    }
    CHECK(heard.wait_for(expected.size()) == expected);
  }
  CHECK(becomes_true([&] { return pqlease::testing::listening_channels(fixture.manager) == Lines{channel}; }));
  CHECK(fixture.manager.epoch() == 1);
}

TEST_SUITE_END();
