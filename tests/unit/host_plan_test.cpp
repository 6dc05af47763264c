#include "detail/host_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

using namespace std::chrono_literals;
using pqlease::Require;
using pqlease::detail::Deadline;
using pqlease::detail::ends_search;
using pqlease::detail::HostAttempt;
using pqlease::detail::HostSettings;
using pqlease::detail::plan_hosts;
using pqlease::detail::share_of;
using pqlease::detail::target_for;

namespace {

using Attempts = std::vector<HostAttempt>;

double lowest_chance() { return 0.0; }
double highest_chance() { return 0x1.fffffffffffffp-1; }

HostSettings settings(std::string host, std::string hostaddr = {}, std::string port = {}) {
  return {.host = std::move(host),
          .hostaddr = std::move(hostaddr),
          .port = std::move(port),
          .default_port = "5432",
          .target_session_attrs = "any",
          .load_balance_hosts = {}};
}

HostAttempt attempt(std::string host, std::string port, std::string target = "any", std::string hostaddr = {}) {
  return {.host = std::move(host),
          .hostaddr = std::move(hostaddr),
          .port = std::move(port),
          .target_session_attrs = std::move(target)};
}

Attempts plan(HostSettings const &said, Require require = Require::anything) {
  return plan_hosts(said, require, &lowest_chance);
}

std::string hosts_of(Attempts const &attempts) {
  std::string hosts;
  for (auto const &one : attempts) hosts += one.host;
  return hosts;
}

}  // namespace

TEST_SUITE_BEGIN("host plan");

TEST_CASE("a single host, or none, is left to libpq") {
  CHECK(plan(settings("")).empty());
  CHECK(plan(settings("a")).empty());
  CHECK(plan(settings("a", "10.0.0.1", "5433")).empty());
  CHECK(plan(settings("", "10.0.0.1")).empty());
}

TEST_CASE("each host of a list is an attempt, in the order of the list") {
  CHECK(plan(settings("a,b,/run", "", "1,2,3")) ==
        Attempts{attempt("a", "1"), attempt("b", "2"), attempt("/run", "3")});
}

TEST_CASE("one port is everybody's, and an empty one is libpq's default") {
  CHECK(plan(settings("a,b", "", "7")) == Attempts{attempt("a", "7"), attempt("b", "7")});
  CHECK(plan(settings("a,b", "", ",7")) == Attempts{attempt("a", "5432"), attempt("b", "7")});
  CHECK(plan(settings("a,b")) == Attempts{attempt("a", "5432"), attempt("b", "5432")});
}

TEST_CASE("addresses count the hosts, and stand for a host that has no name") {
  CHECK(plan(settings("", "1.1.1.1,2.2.2.2", "7")) ==
        Attempts{attempt("", "7", "any", "1.1.1.1"), attempt("", "7", "any", "2.2.2.2")});
  CHECK(plan(settings("a,", "1.1.1.1,2.2.2.2", "7")) ==
        Attempts{attempt("a", "7", "any", "1.1.1.1"), attempt("2.2.2.2", "7", "any", "2.2.2.2")});
}

TEST_CASE("lists of different length are left to libpq, which refuses them with its own words") {
  CHECK(plan(settings("a,b", "", "1,2,3")).empty());
  CHECK(plan(settings("a,b", "1.1.1.1,2.2.2.2,3.3.3.3")).empty());
  CHECK(plan(settings("a", "1.1.1.1,2.2.2.2")).empty());
}

TEST_CASE("an entry that stands for libpq's default host leaves the list to libpq") {
  CHECK(plan(settings("a,")).empty());
  CHECK(plan(settings("a,b", "1.1.1.1,")).empty());
}

TEST_CASE("prefer-standby goes through the hosts twice, and takes any the second time") {
  auto said = settings("a,b", "", "7");
  said.target_session_attrs = "prefer-standby";
  CHECK(plan(said) == Attempts{attempt("a", "7", "standby"), attempt("b", "7", "standby"), attempt("a", "7", "any"),
                               attempt("b", "7", "any")});
}

TEST_CASE("a session that has to be writable is asked for as read-write, unless that contradicts what is wished") {
  for (auto const *wished : {"", "any", "primary", "read-write", "prefer-standby"}) {
    CAPTURE(wished);
    CHECK(target_for(wished, Require::writable) == "read-write");
    CHECK(target_for(wished, Require::anything) == wished);
  }
  CHECK(target_for("standby", Require::writable) == "standby");
  CHECK(target_for("read-only", Require::writable) == "read-only");
  auto said = settings("a,b", "", "7");
  said.target_session_attrs = "prefer-standby";
  CHECK(plan(said, Require::writable) == Attempts{attempt("a", "7", "read-write"), attempt("b", "7", "read-write")});
}

TEST_CASE("load_balance_hosts=random shuffles the hosts, and loses none") {
  auto said = settings("a,b,c,d");
  said.load_balance_hosts = "random";
  CHECK(hosts_of(plan_hosts(said, Require::anything, &lowest_chance)) == "bcda");
  CHECK(hosts_of(plan_hosts(said, Require::anything, &highest_chance)) == "abcd");
  said.load_balance_hosts = "disable";
  CHECK(hosts_of(plan_hosts(said, Require::anything, &lowest_chance)) == "abcd");
}

TEST_CASE("the time that is left is shared evenly by the attempts that are left") {
  Deadline::Clock::time_point const start{1h};
  auto const deadline = Deadline::at(start + 12s);
  CHECK(share_of(deadline, 3, start).when() == start + 4s);
  CHECK(share_of(deadline, 2, start + 4s).when() == start + 8s);
  CHECK(share_of(deadline, 1, start + 8s).when() == start + 12s);
  // A host that refuses at once leaves its share to the others.
  CHECK(share_of(deadline, 2, start).when() == start + 6s);
}

TEST_CASE("without time left, or with all of it, there is nothing to share") {
  Deadline::Clock::time_point const start{1h};
  CHECK(share_of(Deadline::at(start), 3, start + 1s).when() == start);
  CHECK(share_of(Deadline::never(), 3, start).is_never());
}

TEST_CASE("refused credentials end the search, as with libpq; nothing else does") {
  CHECK(ends_search("28P01"));
  CHECK(ends_search("28000"));
  for (auto const *sqlstate : {"", "57P03", "53300", "3D000", "08P01"}) CHECK_FALSE(ends_search(sqlstate));
}

TEST_SUITE_END();
