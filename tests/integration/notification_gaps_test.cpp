// The session is lost, and the handlers learn that they may have missed something.

#include "fixture.hpp"
#include "heard.hpp"
#include "proxied_fixture.hpp"
#include "session/socket.hpp"
#include "support/detail/poll_until.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using pqlease::Notification;
using pqlease::Options;
using pqlease::Subscription;
using pqlease::testing::backend_of;
using pqlease::testing::becomes_true;
using pqlease::testing::Fixture;
using pqlease::testing::Heard;
using pqlease::testing::Lines;
using pqlease::testing::Listener;
using pqlease::testing::listening_channels;
using pqlease::testing::notify_from_outside;
using pqlease::testing::poll_until;
using pqlease::testing::ProxiedFixture;
using pqlease::testing::StopMode;
using pqlease::testing::unique_channel;

namespace {

int backend(Fixture &fixture) {
  auto lease = fixture.manager.lease_for(20s);
  return backend_of(lease);
}

}  // namespace

TEST_SUITE_BEGIN("notification gaps");

TEST_CASE("a session that was ended while idle is opened again by nobody's lease, and every handler gets one gap") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const first = fixture.manager.listen(channel, heard.handler("a "));
  auto const second = fixture.manager.listen(channel, heard.handler("b "));
  fixture.manager.notify(channel, "before");
  CHECK(heard.wait_for(2).size() == 2);
  fixture.server.kill_backend(backend(fixture));
  CHECK(heard.wait_for(4).size() == 4);
  notify_from_outside(channel, "after");
  CHECK(heard.wait_for(6) == Lines{"a " + channel + ": before", "b " + channel + ": before", "a " + channel + ": (gap)",
                                   "b " + channel + ": (gap)", "a " + channel + ": after", "b " + channel + ": after"});
  CHECK(fixture.manager.epoch() == 2);
  CHECK(fixture.manager.statistics().notification_gaps == 2);
  CHECK(fixture.manager.statistics().notifications_delivered == 4);
}

TEST_CASE("a handler that came after the new session listened is told of no gap") {
  Fixture fixture;
  Heard heard;
  auto const channel = unique_channel();
  auto const first = fixture.manager.listen(channel, heard.handler("a "));
  fixture.server.kill_backend(backend(fixture));
  CHECK(heard.wait_for(1) == Lines{"a " + channel + ": (gap)"});
  auto const second = fixture.manager.listen(channel, heard.handler("b "));
  notify_from_outside(channel, "after");
  CHECK(heard.wait_for(3) == Lines{"a " + channel + ": (gap)", "a " + channel + ": after", "b " + channel + ": after"});
}

TEST_CASE("sessions that are ended as soon as they listen are opened again less and less often") {
  Listener listener;
  pqxx::connection administrator{listener.server.conninfo()};
  auto const terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' AND query LIKE "
                         "'LISTEN%' || $1 || '%'";
  auto const end = std::chrono::steady_clock::now() + 1200ms;
  while (std::chrono::steady_clock::now() < end) {
    pqxx::nontransaction{administrator}.exec(terminate, pqxx::params{listener.channel});
  }
  CHECK(listener.heard.lines().size() >= 2);
  // Two at once, one each after 100, 300 and 700 ms; the next would come after 1500 ms. A slow machine may see that
  // one.
  CHECK(listener.manager.statistics().sessions_opened <= 7);
  CHECK(becomes_true([&] { return listening_channels(listener.manager) == Lines{listener.channel}; }));
  notify_from_outside(listener.channel, "at last");
  CHECK(becomes_true([&] { return listener.heard.lines().back() == listener.channel + ": at last"; }));
}

TEST_CASE("so are sessions that are ended before they listen") {
  std::atomic<bool> hostile{false};
  pqxx::connection administrator{pqlease::testing::test_server().conninfo()};
  auto const end_it = [&](pqxx::connection &session) {
    if (!hostile) return;
    auto const pid = pqxx::nontransaction{session}.query_value<int>("SELECT pg_backend_pid()");
    pqxx::nontransaction{administrator}.exec("SELECT pg_terminate_backend($1, 20000)", pqxx::params{pid});
  };
  Fixture fixture{{.on_open = end_it}};
  auto const channel = unique_channel();
  auto const subscription = fixture.manager.listen(channel, [](Notification const &) {});
  hostile = true;
  fixture.manager.close();
  // Two at once, as far as the back-off after a failure lets them; one each after 300, 700, 1500 and 3100 ms.
  CHECK_FALSE(poll_until([&] { return fixture.manager.statistics().sessions_opened > 8; }, 2500ms));
  CHECK(fixture.manager.statistics().sessions_opened >= 3);
  hostile = false;
  CHECK(becomes_true([&] { return listening_channels(fixture.manager) == Lines{channel}; }));
}

TEST_CASE("a listener gets through restarts of the server, with a gap for each") {
  Listener listener;
  if (!listener.server.can_restart()) return;
  Lines expected;
  for (auto const mode : {StopMode::fast, StopMode::immediate}) {
    listener.server.restart(mode);
    expected.push_back(listener.channel + ": (gap)");
    CHECK(listener.heard.wait_for(expected.size()) == expected);
    notify_from_outside(listener.channel, "after");
    expected.push_back(listener.channel + ": after");
    CHECK(listener.heard.wait_for(expected.size()) == expected);
  }
}

TEST_CASE("a listener gets through a time without a server") {
  Fixture fixture{Options{.reconnect = {.initial_delay = 20ms, .max_delay = 50ms}}};
  if (!fixture.server.can_restart()) return;
  Heard heard;
  auto const channel = unique_channel();
  auto const subscription = fixture.manager.listen(channel, heard.handler());
  fixture.server.stop(StopMode::immediate);
  CHECK(becomes_true([&] { return fixture.manager.statistics().failed_opens > 2; }));
  CHECK(heard.lines().empty());
  fixture.server.start();
  CHECK(heard.wait_for(1) == Lines{channel + ": (gap)"});
}

TEST_CASE("a session that is lost in a lease, or closed, is opened again for the listener") {
  Listener listener;
  {
    auto lease = listener.manager.lease();
    listener.server.kill_backend(backend_of(lease));
    CHECK_THROWS_AS(pqxx::nontransaction{*lease}.exec("SELECT 1"), pqxx::failure);
  }
  CHECK(listener.heard.wait_for(1) == Lines{listener.channel + ": (gap)"});
  listener.manager.close();
  CHECK(listener.heard.wait_for(2) == Lines{listener.channel + ": (gap)", listener.channel + ": (gap)"});
  {
    auto lease = listener.manager.lease();
    lease.close_on_release();
  }
  CHECK(listener.heard.wait_for(3).size() == 3);
  CHECK(listening_channels(listener.manager) == Lines{listener.channel});
}

TEST_CASE("a session that somebody's lease has opened again is listened to when that ends") {
  Listener listener;
  auto lease = listener.manager.lease();
  std::jthread const next{[&] { CHECK_NOTHROW(listener.manager.with_lease([](pqxx::connection &) {})); }};
  // Its request mostly comes before any of the handlers' thread, which does not know yet that the session is closed.
  CHECK(becomes_true([&] { return pqlease::testing::somebody_waits(listener.manager); }));
  lease.close_on_release();
  lease.release();
  CHECK(listener.heard.wait_for(1) == Lines{listener.channel + ": (gap)"});
  notify_from_outside(listener.channel, "after");
  CHECK(listener.heard.wait_for(2).back() == listener.channel + ": after");
}

TEST_CASE("what was received before the session was lost is delivered before the gap") {
  Listener listener;
  {
    auto lease = listener.manager.lease();
    notify_from_outside(listener.channel, "received");
    // Both wait in the socket when the lease ends. A backend that is told both at once may say only goodbye.
    using pqlease::detail::SocketEvent;
    CHECK(
        pqlease::detail::wait_for_socket(lease->sock(), SocketEvent::readable, pqlease::detail::Deadline::after(20s)));
    listener.server.kill_backend(lease->backendpid());
  }
  CHECK(listener.heard.wait_for(2) == Lines{listener.channel + ": received", listener.channel + ": (gap)"});
}

TEST_CASE("without a server listen() returns all the same, and delivery begins with a gap") {
  Fixture fixture{Options{.lease_timeout = 100ms, .reconnect = {.initial_delay = 20ms, .max_delay = 50ms}}};
  if (!fixture.server.can_restart()) return;
  Heard heard;
  auto const channel = unique_channel();
  fixture.server.stop(StopMode::fast);
  auto const subscription = fixture.manager.listen(channel, heard.handler());
  CHECK(static_cast<bool>(subscription));
  fixture.server.start();
  CHECK(heard.wait_for(1) == Lines{channel + ": (gap)"});
  notify_from_outside(channel, "after");
  CHECK(heard.wait_for(2) == Lines{channel + ": (gap)", channel + ": after"});
}

TEST_CASE("a lease that is not free in time does not make listen() fail, and delivery begins with a gap") {
  Fixture fixture{Options{.lease_timeout = 20ms}};
  Heard heard;
  auto const channel = unique_channel();
  auto lease = fixture.manager.lease();
  Subscription subscription;
  std::jthread{[&] { subscription = fixture.manager.listen(channel, heard.handler()); }}.join();
  CHECK(static_cast<bool>(subscription));
  lease.release();
  CHECK(heard.wait_for(1) == Lines{channel + ": (gap)"});
}

TEST_CASE("a session that is moved away by its user takes no notification along that the next one brings, too") {
  Listener listener;
  auto lease = listener.manager.lease();
  pqxx::connection taken{std::move(*lease)};
  lease.release();
  CHECK(listener.heard.wait_for(1) == Lines{listener.channel + ": (gap)"});
  notify_from_outside(listener.channel, "once");
  CHECK(taken.await_notification(20) == 1);
  CHECK(listener.heard.wait_for(2) == Lines{listener.channel + ": (gap)", listener.channel + ": once"});
  notify_from_outside(listener.channel, "last");
  CHECK(listener.heard.wait_for(3).back() == listener.channel + ": last");
  CHECK(listener.heard.lines().size() == 3);
}

TEST_CASE("a LISTEN that is not answered costs the session after probe_timeout, not the lease's user") {
  ProxiedFixture proxied{Options{.connect_timeout = 1s, .idle_probe_after = 1h, .probe_timeout = 100ms}};
  Heard heard;
  auto const channel = unique_channel();
  { auto lease = proxied.manager.lease(); }
  proxied.proxy.swallow();
  Subscription subscription;
  // The handlers' thread may ask first; then listen() finds the session gone, and both may have to try to open one.
  pqlease::testing::check_within(2200ms, [&] { subscription = proxied.manager.listen(channel, heard.handler()); });
  proxied.proxy.forward();
  CHECK(heard.wait_for(1) == Lines{channel + ": (gap)"});
  CHECK(proxied.manager.epoch() >= 2);
}

TEST_SUITE_END();
