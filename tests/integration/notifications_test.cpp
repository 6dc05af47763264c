// What is sent reaches the handlers, whoever sends it and whatever the session is doing.

#include "fixture.hpp"
#include "heard.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Notification;
using pqlease::testing::backend_of;
using pqlease::testing::becomes_true;
using pqlease::testing::Fixture;
using pqlease::testing::Heard;
using pqlease::testing::Lines;
using pqlease::testing::Listener;
using pqlease::testing::listening_channels;
using pqlease::testing::notify_from_outside;
using pqlease::testing::unique_channel;

TEST_SUITE_BEGIN("notifications");

TEST_CASE("a notification that another session sends reaches the handler while nobody has a lease") {
  Listener listener;
  notify_from_outside(listener.channel, "hello");
  CHECK(listener.heard.wait_for(1) == Lines{listener.channel + ": hello"});
  CHECK(listener.manager.statistics().notifications_delivered == 1);
  CHECK(listener.manager.statistics().notification_gaps == 0);
  CHECK(listener.manager.epoch() == 1);
}

TEST_CASE("a notification says who sent it") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &notification) {
    CHECK(notification.kind == Notification::Kind::message);
    CHECK(notification.channel == channel);
    CHECK(notification.payload == "hello");
    heard.add(std::to_string(notification.backend_pid));
  });
  pqxx::connection other{fixture.server.conninfo()};
  pqxx::nontransaction{other}.exec("NOTIFY " + channel + ", 'hello'");
  CHECK(heard.wait_for(1) == Lines{std::to_string(other.backendpid())});
}

TEST_CASE("notifications are delivered in the order in which they were sent, on several channels") {
  Fixture fixture;
  Heard heard;
  auto const first = unique_channel();
  auto const second = unique_channel();
  auto const one = fixture.manager.listen(first, heard.handler());
  auto const two = fixture.manager.listen(second, heard.handler());
  Lines expected;
  for (int i = 0; i < 100; ++i) {
    auto const &channel = i % 3 == 0 ? first : second;
    auto const payload = std::to_string(i);
    i % 2 == 0 ? notify_from_outside(channel, payload) : fixture.manager.notify(channel, payload);
    expected.push_back(channel + ": " + payload);
  }
  CHECK(heard.wait_for(expected.size()) == expected);
}

TEST_CASE("a notification from the same session is delivered, after its transaction and never before") {
  Listener listener;
  {
    auto lease = listener.manager.lease();
    pqxx::work work{*lease};
    work.exec("NOTIFY " + listener.channel + ", 'committed'");
    CHECK(listener.heard.lines().empty());
    work.commit();
  }
  {
    auto lease = listener.manager.lease();
    pqxx::work work{*lease};
    work.exec("NOTIFY " + listener.channel + ", 'rolled back'");
  }
  listener.manager.notify(listener.channel);
  CHECK(listener.heard.wait_for(2) == Lines{listener.channel + ": committed", listener.channel + ": "});
}

TEST_CASE("a notification that arrives during somebody's lease is delivered when that ends") {
  Listener listener;
  auto lease = listener.manager.lease();
  notify_from_outside(listener.channel, "in between");
  // The statement's answer brings the notification along, at the latest.
  pqxx::nontransaction{*lease}.exec("SELECT 1");
  CHECK(listener.heard.lines().empty());
  lease.release();
  CHECK(listener.heard.wait_for(1) == Lines{listener.channel + ": in between"});
}

TEST_CASE("a notification that arrives during a lease that does nothing is delivered when that ends") {
  Listener listener;
  for (int i = 0; i < 5; ++i) {
    auto lease = listener.manager.lease();
    notify_from_outside(listener.channel, std::to_string(i));
  }
  CHECK(listener.heard.wait_for(5).size() == 5);
}

TEST_CASE("notifications that a lease's user takes off the connection by hand are not lost") {
  Listener listener;
  {
    auto lease = listener.manager.lease();
    notify_from_outside(listener.channel, "first");
    CHECK(lease->await_notification(20) == 1);
    notify_from_outside(listener.channel, "second");
  }
  CHECK(listener.heard.wait_for(2) == Lines{listener.channel + ": first", listener.channel + ": second"});
}

TEST_CASE("notifications are delivered while sixteen threads keep the session busy") {
  Listener listener;
  Lines expected;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&](std::stop_token const &stop) {
        while (!stop.stop_requested()) {
          auto lease = listener.manager.lease();
          pqxx::nontransaction{*lease}.exec("SELECT 1");
        }
      });
    }
    for (int i = 0; i < 50; ++i) {
      notify_from_outside(listener.channel, std::to_string(i));
      expected.push_back(listener.channel + ": " + std::to_string(i));
    }
    CHECK(listener.heard.wait_for(expected.size()) == expected);
  }
}

TEST_CASE("listening ends with the last handler of a channel, and begins again with the next") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto first = fixture.manager.listen(channel, heard.handler());
  auto second = fixture.manager.listen(channel, heard.handler());
  CHECK(listening_channels(fixture.manager) == Lines{channel});
  first.end();
  notify_from_outside(channel, "still there");
  CHECK(heard.wait_for(1) == Lines{channel + ": still there"});
  CHECK(listening_channels(fixture.manager) == Lines{channel});
  second.end();
  CHECK(becomes_true([&] { return listening_channels(fixture.manager).empty(); }));
  notify_from_outside(channel, "nobody is there");
  auto const third = fixture.manager.listen(channel, heard.handler());
  CHECK(listening_channels(fixture.manager) == Lines{channel});
  notify_from_outside(channel, "back again");
  CHECK(heard.wait_for(2) == Lines{channel + ": still there", channel + ": back again"});
}

TEST_CASE("a channel's name is taken as it is: upper case, spaces, quotes, other alphabets, 63 bytes") {
  Fixture fixture;
  Heard heard;
  for (std::string const channel :
       {"Upper Case", "with \"quotes\" and 'apostrophes'", "; DROP TABLE example", "Größe", "$1"}) {
    auto const subscription = fixture.manager.listen(channel, heard.handler());
    CHECK(listening_channels(fixture.manager) == Lines{channel});
    fixture.manager.notify(channel, "it's \\ \"quoted\"");
    CHECK(becomes_true(
        [&] { return !heard.lines().empty() && heard.lines().back() == channel + ": it's \\ \"quoted\""; }));
  }
  auto const longest = std::string(63, 'x');
  auto const subscription = fixture.manager.listen(longest, heard.handler());
  fixture.manager.notify(longest, "long");
  CHECK(heard.wait_for(6).back() == longest + ": long");
}

TEST_CASE("what cannot be a channel, a payload or a handler is refused") {
  Fixture fixture;
  auto const ignore = [](Notification const &) {};
  for (auto const &channel : {std::string{}, std::string(64, 'x'), std::string{"a\0b", 3}}) {
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.listen(channel, ignore)), pqlease::UsageError);
    CHECK_THROWS_AS(fixture.manager.notify(channel), pqlease::UsageError);
  }
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.listen("channel", {})), pqlease::UsageError);
  CHECK_THROWS_AS(static_cast<void>(fixture.manager.on_reopen({})), pqlease::UsageError);
  CHECK_THROWS_AS(fixture.manager.notify("channel", std::string_view{"a\0b", 3}), pqlease::UsageError);
  CHECK_THROWS_AS(fixture.manager.notify("channel", std::string(8000, 'x')), pqxx::sql_error);
  fixture.manager.notify("channel", std::string(7999, 'x'));
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("listen() in a lease of the same thread listens at once, and after its transaction if there is one") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const later = unique_channel();
  auto lease = fixture.manager.lease();
  auto const at_once = fixture.manager.listen(channel, heard.handler());
  notify_from_outside(channel, "heard");
  pqlease::Subscription in_transaction;
  {
    pqxx::work work{*lease};
    in_transaction = fixture.manager.listen(later, heard.handler());
  }
  lease.release();
  // The second one was not listened to when listen() returned, which its handler has to know.
  auto const lines = heard.wait_for(2);
  CHECK(lines == Lines{channel + ": heard", later + ": (gap)"});
  notify_from_outside(later, "heard too");
  CHECK(heard.wait_for(3).back() == later + ": heard too");
  CHECK(fixture.manager.statistics().notification_gaps == 1);
}

TEST_CASE("notify() inside an atomic block is sent when the block commits, and not at all when it does not") {
  Listener listener;
  auto const send_and_fail = [&](pqxx::transaction_base &) {
    listener.manager.notify(listener.channel, "rolled back");
    throw pqlease::testing::ApplicationError{"on purpose"};
  };
  CHECK_THROWS_AS(listener.manager.atomic(send_and_fail), pqlease::testing::ApplicationError);
  listener.manager.atomic([&](pqxx::transaction_base &transaction) {
    listener.manager.notify(listener.channel, "committed");
    listener.insert(transaction);
    CHECK(listener.heard.lines().empty());
  });
  listener.manager.notify(listener.channel, "after");
  CHECK(listener.heard.wait_for(2) == Lines{listener.channel + ": committed", listener.channel + ": after"});
}

TEST_CASE("trap: a handler that throws turns a committed transaction into an error") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const subscription = fixture.manager.listen(channel, [&](Notification const &notification) {
    heard.add(notification.payload);
    throw std::runtime_error{"the handler is broken"};
  });
  for (int i = 0; i < 3; ++i) {
    auto lease = fixture.manager.lease();
    pqxx::work work{*lease};
    work.exec("NOTIFY " + channel + ", 'x'");
    fixture.insert(work);
    CHECK_NOTHROW(work.commit());
    CHECK_NOTHROW(pqxx::nontransaction{*lease}.exec("SELECT 1"));
    CHECK_NOTHROW(static_cast<void>(lease->get_notifs()));
    CHECK_NOTHROW(lease.release());
  }
  CHECK(fixture.committed_rows() == 3);
  CHECK(heard.wait_for(3).size() == 3);
  CHECK(becomes_true([&] { return fixture.log.contains("threw: the handler is broken"); }));
}

TEST_SUITE_END();
