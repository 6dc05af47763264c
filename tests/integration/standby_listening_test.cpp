// LISTEN is refused by a standby.

#include "heard.hpp"
#include "support/log_capture.hpp"
#include "support/no_server.hpp"
#include "support/standby_server.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using pqlease::ManagedConnection;
using pqlease::testing::becomes_true;
using pqlease::testing::Heard;
using pqlease::testing::Lines;
using pqlease::testing::LogCapture;
using pqlease::testing::ServerPair;

TEST_SUITE_BEGIN("notification gaps");

TEST_CASE("a standby that refuses LISTEN is asked again until it is promoted, and the handler learns of the gap") {
  std::unique_ptr<ServerPair> pair;
  try {
    pair = std::make_unique<ServerPair>();
  } catch (pqlease::testing::NoServer const &missing) {
    MESSAGE("left out: ", missing.what());
    return;
  }
  LogCapture log;
  Heard heard;
  ManagedConnection manager{pair->standby.conninfo(), {.logger = log.logger()}};
  auto const subscription = manager.listen("orders", heard.handler());
  CHECK(static_cast<bool>(subscription));
  CHECK(log.contains("the server refuses LISTEN \"orders\", and is asked again every second: "));
  { auto lease = manager.lease(); }
  CHECK(heard.lines().empty());
  pair->standby.promote();
  CHECK(heard.wait_for(1) == Lines{"orders: (gap)"});
  manager.notify("orders", "promoted");
  CHECK(heard.wait_for(2) == Lines{"orders: (gap)", "orders: promoted"});
  CHECK(manager.epoch() == 1);
}

TEST_SUITE_END();
