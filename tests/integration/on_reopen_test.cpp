#include "fixture.hpp"
#include "heard.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using pqlease::Status;
using pqlease::Subscription;
using pqlease::testing::becomes_true;
using pqlease::testing::Fixture;
using pqlease::testing::Heard;
using pqlease::testing::Lines;
using pqlease::testing::StopMode;
using pqlease::testing::unique_channel;

namespace {

void reopen(Fixture &fixture) {
  fixture.manager.close();
  auto const lease = fixture.manager.lease();
}

}  // namespace

TEST_SUITE_BEGIN("on_reopen");

TEST_CASE("callbacks run after each session but the first, in order, outside the lease") {
  Fixture fixture;
  Heard heard;
  auto const callback = [&](std::string const &name) {
    return [&, name] {
      auto lease = fixture.manager.lease_for(10s);
      heard.add(name + std::to_string(lease.epoch()));
    };
  };
  auto const first = fixture.manager.on_reopen(callback("a"));
  auto const second = fixture.manager.on_reopen(callback("b"));
  CHECK(fixture.manager.epoch() == 0);
  { auto lease = fixture.manager.lease(); }
  reopen(fixture);
  CHECK(heard.wait_for(2) == Lines{"a2", "b2"});
  reopen(fixture);
  CHECK(heard.wait_for(4) == Lines{"a2", "b2", "a3", "b3"});
}

TEST_CASE("a callback runs once the lease that has opened the session is over") {
  Fixture fixture;
  Heard heard;
  auto const subscription = fixture.manager.on_reopen([&] { heard.add("reopened"); });
  { auto lease = fixture.manager.lease(); }
  fixture.manager.close();
  {
    auto lease = fixture.manager.lease();
    CHECK(lease.epoch() == 2);
    CHECK(heard.lines().empty());
  }
  CHECK(heard.wait_for(1) == Lines{"reopened"});
}

TEST_CASE("a callback that was added after a session was opened is not told of that one") {
  Fixture fixture;
  Heard heard;
  { auto lease = fixture.manager.lease(); }
  reopen(fixture);
  auto const first = fixture.manager.on_reopen([&] { heard.add("first"); });
  reopen(fixture);
  CHECK(heard.wait_for(1) == Lines{"first"});
  auto const second = fixture.manager.on_reopen([&] { heard.add("second"); });
  reopen(fixture);
  CHECK(heard.wait_for(3) == Lines{"first", "first", "second"});
}

TEST_CASE("a callback that was ended does not run, and one that throws is logged while the rest run") {
  Fixture fixture;
  Heard heard;
  { auto lease = fixture.manager.lease(); }
  auto first = fixture.manager.on_reopen([&] { heard.add("first"); });
  auto const second = fixture.manager.on_reopen([] { throw std::runtime_error{"broken"}; });
  auto const third = fixture.manager.on_reopen([&] { heard.add("third"); });
  reopen(fixture);
  CHECK(heard.wait_for(2) == Lines{"first", "third"});
  CHECK(
      fixture.log.contains("error: " + fixture.manager.conninfo() + ": a handler of reopened sessions threw: broken"));
  first.end();
  reopen(fixture);
  CHECK(heard.wait_for(3) == Lines{"first", "third", "third"});
}

TEST_CASE("a session that was lost while idle is opened again for the callbacks; one that was closed is not") {
  Fixture fixture;
  Heard heard;
  int backend{};
  {
    auto lease = fixture.manager.lease();
    backend = lease->backendpid();
  }
  auto const subscription = fixture.manager.on_reopen([&] { heard.add("reopened"); });
  fixture.server.kill_backend(backend);
  CHECK(heard.wait_for(1) == Lines{"reopened"});
  CHECK(fixture.manager.epoch() == 2);
  fixture.manager.close();
  CHECK(fixture.manager.status() == Status::closed);
  { auto lease = fixture.manager.lease(); }
  CHECK(heard.wait_for(2).size() == 2);
  CHECK(fixture.manager.epoch() == 3);
}

TEST_CASE("callbacks run after a restart of the server, before handlers learn of the gap") {
  Fixture fixture;
  if (!fixture.server.can_restart()) return;
  Heard heard;
  auto const channel = unique_channel();
  auto const listening = fixture.manager.listen(channel, heard.handler());
  auto const subscription = fixture.manager.on_reopen([&] { heard.add("reopened"); });
  fixture.server.restart(StopMode::fast);
  CHECK(heard.wait_for(2) == Lines{"reopened", channel + ": (gap)"});
}

TEST_SUITE_END();
