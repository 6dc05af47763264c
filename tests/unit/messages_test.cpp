#include "detail/messages.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace std::chrono_literals;
using namespace pqlease::detail;
using pqlease::Status;

TEST_SUITE_BEGIN("messages");

TEST_CASE("a holder is described by thread, time, place and queue") {
  auto const here = std::source_location::current();
  Holder const holder{.thread = std::this_thread::get_id(), .where = here, .since = {}};
  std::ostringstream expected;
  expected << "thread " << std::this_thread::get_id() << " has held it for 1500 ms, taken at " << here.file_name()
           << ':' << here.line() << " (" << here.function_name() << "); 3 waiting";
  CHECK(describe(holder, 3, holder.since + 1500ms) == expected.str());
}

TEST_CASE("a leak is described by what was in progress and what became of it") {
  auto const here = std::source_location::current();
  auto const start = "the lease taken at " + describe(here) + " was released ";
  CHECK(describe_leak({.status = Status::in_transaction}, Settled::rolled_back, here) ==
        start + "in a transaction; it was rolled back");
  CHECK(describe_leak({.status = Status::in_error}, Settled::closed, here) ==
        start + "in a failed transaction; the session was closed, which rolls it back");
  CHECK(describe_leak({.status = Status::active}, Settled::rolled_back, here) ==
        start + "with a COPY or an unread result in progress; it was cancelled");
  CHECK(describe_leak({.status = Status::in_transaction, .transaction_registered = true}, Settled::quarantined, here) ==
        start + "with a transaction object still alive; the session was closed, which rolls it back");
}

TEST_SUITE_END();
