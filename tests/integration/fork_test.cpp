// Real forks: what a child process may do to its parent's session, and the other way round. In a child nothing of
// doctest may be used; it answers by its exit status.

#include "fixture.hpp"
#include "outage_fixture.hpp"
#include "support/detail/loopback.hpp"
#include "support/fault_proxy.hpp"
#include "support/subprocess.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Lease;
using pqlease::ManagedConnection;
using pqlease::ReconnectMode;
using pqlease::Status;
using pqlease::testing::backend_of;
using pqlease::testing::Ending;
using pqlease::testing::FaultProxy;
using pqlease::testing::Fixture;
using pqlease::testing::for_ever;
using pqlease::testing::OutageFixture;
using pqlease::testing::ProxyCounts;
using pqlease::testing::somebody_holds;
using pqlease::testing::steady;
using pqlease::testing::test_server;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
constexpr bool thread_sanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool thread_sanitizer = false;
#endif

/// Runs `body` in a child process that ends without running destructors; returns what `body` returned.
template <class F> bool succeeds_in_child(F body) {
  auto const child = ::fork();
  if (child < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (child == 0) {
    ::alarm(30);  // ends a child that hangs
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

int ask_for_backend(ManagedConnection &manager) {
  auto lease = manager.lease_for(20s);
  return backend_of(lease);
}

ino_t inode_of(int descriptor) {
  struct stat found{};
  return ::fstat(descriptor, &found) == 0 ? found.st_ino : 0;
}

/// Whether this process has a socket whose peer is a port of 127.0.0.1.
bool is_connected_to(std::uint16_t port) {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    // NOLINTNEXTLINE(*-reinterpret-cast): the sockets API
    bool const has_peer = ::getpeername(descriptor, reinterpret_cast<sockaddr *>(&peer), &size) == 0;
    if (has_peer && peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) return true;
  }
  return false;
}

bool has_inode_open(ino_t inode) {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    if (inode_of(descriptor) == inode) return true;
  }
  return false;
}

}  // namespace

TEST_SUITE_BEGIN("fork");

TEST_CASE("trap: a child process uses a session of its own, and its parent's transaction goes on") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  auto const backend = backend_of(lease);
  auto const epoch = lease.epoch();
  pqxx::work work{*lease};
  fixture.insert(work);

  CHECK(succeeds_in_child([&] {
    auto const own = ask_for_backend(fixture.manager);
    return own != backend && fixture.manager.epoch() > epoch && own == ask_for_backend(fixture.manager);
  }));

  fixture.insert(work);
  work.commit();
  lease.release();
  CHECK(fixture.committed_rows() == 2);
  CHECK(ask_for_backend(fixture.manager) == backend);
  CHECK(fixture.manager.epoch() == epoch);
}

TEST_CASE("trap: destructors that run in a child neither say goodbye on the parent's socket nor roll it back") {
  Fixture fixture;
  std::optional<ManagedConnection> manager{std::in_place, fixture.server.conninfo()};
  auto lease = manager->lease();
  auto const backend = backend_of(lease);
  {
    std::optional<pqxx::work> work{std::in_place, *lease};
    fixture.insert(*work);
    CHECK(succeeds_in_child([&] {
      work.reset();  // would send ROLLBACK
      lease.release();
      manager.reset();  // would send Terminate
      return true;
    }));
    fixture.insert(*work);
    work->commit();
  }
  CHECK(backend_of(lease) == backend);
  CHECK(fixture.committed_rows() == 2);
}

TEST_CASE("a lease that a child inherits is as good as lost, and its release is silent") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  fixture.begin_by_hand(*lease);
  CHECK(succeeds_in_child([&] {
    bool broken = false;
    try {
      pqxx::nontransaction{*lease}.exec("SELECT 1");
    } catch (pqxx::broken_connection const &) {
      broken = true;
    }
    lease.release();  // a leak, had it happened in the parent
    return broken && ask_for_backend(fixture.manager) > 0;
  }));
  lease.rollback();
  CHECK(lease.status() == Status::idle);
}

TEST_CASE("the child closes the inherited socket, and leaves alone what else has its number by now") {
  Fixture fixture;
  {
    auto lease = fixture.manager.lease();
    auto const inode = inode_of(lease->sock());
    CHECK(succeeds_in_child([&] { return !has_inode_open(inode); }));
    // The user closes the connection behind the manager's back; a file takes its number.
    auto const number = lease->sock();
    lease->close();
    auto const *const file = std::tmpfile();
    REQUIRE(file != nullptr);
    REQUIRE(has_inode_open(inode_of(number)));
    auto const taken_by = inode_of(number);
    CHECK(succeeds_in_child([&] { return inode_of(number) == taken_by; }));
  }
}

TEST_CASE(
    "a child's getters say that it has no session, and do not block while a thread of the parent holds the lease") {
  Fixture fixture;
  std::atomic<bool> done{false};
  std::atomic<bool> held{false};
  std::jthread holder{[&] {
    auto lease = fixture.manager.lease();
    held = true;
    held.notify_all();
    done.wait(false);
  }};
  held.wait(false);
  CHECK(succeeds_in_child([&] {
    bool const closed = fixture.manager.status() == Status::closed && !fixture.manager.is_open();
    return closed && fixture.manager.statistics().leases_granted == 0 && ask_for_backend(fixture.manager) > 0 &&
           fixture.manager.status() == Status::idle;
  }));
  CHECK(fixture.manager.status() == Status::leased);
  done = true;
  done.notify_all();
}

TEST_CASE("forks in the midst of traffic: every child gets a session, the parent's threads notice nothing") {
  Fixture fixture;
  std::atomic<bool> done{false};
  auto const backend = ask_for_backend(fixture.manager);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (!done) {
          auto lease = fixture.manager.lease();
          CHECK(backend_of(lease) == backend);
        }
      });
    }
    for (int i = 0; i < 30; ++i) {
      CHECK(succeeds_in_child([&] { return ask_for_backend(fixture.manager) != backend; }));
    }
    done = true;
  }
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("a child that adopts, asks or shuts down what it inherits does not wait for the parent's threads") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  std::atomic<bool> done{false};
  std::atomic<int> asking{0};
  std::jthread other{[&] {
    while (!done) {
      // In and out of the queue's lock, so that some forks come while it is held.
      CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease_for(0ms)), pqlease::LeaseTimeout);
      ++asking;
    }
  }};
  for (int i = 0; i < 20; ++i) {
    for (int const before = asking; asking == before;) std::this_thread::yield();
    CHECK(succeeds_in_child([&] {
      lease.adopt();
      lease.release();
      fixture.manager.shutdown();
      return fixture.manager.status() == Status::closed && fixture.manager.epoch() == 1;
    }));
  }
  done = true;
}

TEST_CASE("a child cannot cancel what its parent runs") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  auto const canceller = lease.canceller();
  CHECK(succeeds_in_child([&] { return !canceller.cancel(); }));
  CHECK(succeeds_in_child([&] {
    try {
      static_cast<void>(lease.canceller());
    } catch (pqxx::broken_connection const &) {
      return true;
    }
    return false;
  }));
  CHECK(canceller.cancel());
}

TEST_CASE("a child of a child has a session of its own too, and a shut-down manager stays shut down") {
  Fixture fixture;
  auto const backend = ask_for_backend(fixture.manager);
  CHECK(succeeds_in_child([&] {
    auto const childs = ask_for_backend(fixture.manager);
    return succeeds_in_child([&] {
             auto const grandchilds = ask_for_backend(fixture.manager);
             return grandchilds != childs && grandchilds != backend;
           }) &&
           ask_for_backend(fixture.manager) == childs;
  }));
  CHECK(ask_for_backend(fixture.manager) == backend);
  fixture.manager.shutdown();
  CHECK(succeeds_in_child([&] {
    try {
      ask_for_backend(fixture.manager);
    } catch (pqlease::ManagerClosed const &) {
      return true;
    }
    return false;
  }));
}

TEST_CASE("a fork while the second of two hosts is connected to leaves the child no hold on that socket") {
  auto const refusing = pqlease::testing::bind_loopback(0);
  FaultProxy proxy{test_server()};
  proxy.swallow();
  ManagedConnection manager{
      "host=127.0.0.1,127.0.0.1 sslmode=disable port=" + std::to_string(pqlease::testing::bound_port(refusing.get())) +
      "," + std::to_string(proxy.port())};
  std::jthread const opener{[&] { CHECK_THROWS_AS(static_cast<void>(manager.lease()), pqlease::ConnectionDown); }};
  // What the client says comes after it has begun to guard its socket.
  CHECK(proxy.wait_until([](ProxyCounts const &now) { return now.from_client > 0; }));
  CHECK(is_connected_to(proxy.port()));
  CHECK(succeeds_in_child([&] { return !is_connected_to(proxy.port()); }));
  proxy.cut(Ending::reset);
}

TEST_CASE("a child's session knows the registered statements, even if a thread was registering one during the fork") {
  Fixture fixture;
  fixture.manager.prepare("one", "SELECT 1");
  std::atomic<int> registered{0};
  std::jthread const busy{[&](std::stop_token const &stop) {
    for (int i = 0; i < 10'000 && !stop.stop_requested(); ++i) {
      fixture.manager.prepare("busy " + std::to_string(i), "SELECT 1");
      ++registered;
      registered.notify_all();
    }
  }};
  registered.wait(0);
  CHECK(succeeds_in_child([&] {
    auto lease = fixture.manager.lease_for(20s);
    return pqxx::nontransaction{*lease}.exec(pqxx::prepped{"one"}).one_field().as<int>() == 1;
  }));
}

TEST_CASE("a fork in the middle of an outage: the child is not down, and waits for none of the parent's threads") {
  auto mode = ReconnectMode::on_demand;
  SUBCASE("on demand: threads wait for the next attempt") {}
  SUBCASE("fail fast: a background thread does") { mode = ReconnectMode::fail_fast; }
  std::optional<OutageFixture> outage{std::in_place, steady(for_ever, mode)};
  outage->go_down();
  std::vector<std::jthread> waiters;
  if (mode == ReconnectMode::on_demand) {
    for (int i = 0; i < 2; ++i) {
      waiters.emplace_back(
          [&] { CHECK_THROWS_AS(static_cast<void>(outage->manager.lease()), pqlease::ManagerClosed); });
    }
    REQUIRE(somebody_holds(outage->manager));
  }
  for (int i = 0; i < 10; ++i) {
    CHECK(succeeds_in_child([&] {
      outage->up = true;
      return ask_for_backend(outage->manager) > 0;
    }));
    CHECK(succeeds_in_child([&] {
      outage.reset();
      return true;
    }));
    if (thread_sanitizer && mode == ReconnectMode::fail_fast) continue;  // it cannot start threads in a child
    CHECK(succeeds_in_child([&] {
      try {
        auto const lease = outage->manager.lease_for(5s);
      } catch (pqlease::ConnectionDown const &) {
        outage->manager.close();
        outage->manager.shutdown();
        outage.reset();  // with an outage, and a thread, of the child's own
        return true;
      }
      return false;
    }));
  }
  CHECK(outage->manager.statistics().failed_opens == 1);
  outage->manager.shutdown();
}

TEST_CASE("a child does not wait for a thread of its parent that pauses between two attempts of an atomic block") {
  std::optional<ManagedConnection> manager{std::in_place, pqlease::testing::test_server().conninfo()};
  std::stop_source stop;
  std::jthread pausing{[&] {
    pqlease::AtomicOptions const options{
        .retry = {.max_attempts = 2, .initial_delay = 20s, .max_delay = 20s, .jitter = pqlease::Jitter::none},
        .stop = stop.get_token()};
    auto const fail = [](pqxx::transaction_base &) { throw pqxx::sql_error{"simulated", "", "40001"}; };
    CHECK_THROWS_AS(manager->atomic(options, fail), pqxx::sql_error);
  }};
  CHECK(pqlease::testing::eventually([&] { return manager->statistics().blocks_rolled_back == 1; }));
  for (int i = 0; i < 10; ++i) {
    CHECK(succeeds_in_child([&] {
      manager.reset();
      return true;
    }));
  }
  stop.request_stop();
}

TEST_CASE(
    "an atomic block that a child inherits is a lost session there, is not run again, and its parent commits it") {
  Fixture fixture;
  int runs = 0;
  pid_t child = -1;
  bool told = false;
  auto const block = [&](pqxx::transaction_base &tx) {
    ++runs;
    fixture.insert(tx);
    fixture.manager.on_commit([&] { told = true; });
    child = ::fork();
    if (child == 0) ::alarm(30);  // ends a child that hangs
    if (child == 0) return;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    fixture.insert(tx);
  };
  pqlease::RetryPolicy const retry{.max_attempts = 3, .initial_delay = 1ms, .on_disconnect = true};
  try {
    fixture.manager.atomic({.retry = retry, .outcome = pqlease::Outcome::resolve}, block);
    if (child == 0) ::_exit(2);
  } catch (pqxx::broken_connection const &) {
    if (child != 0) throw;
    bool good = runs == 1 && !told;
    try {
      // In the child, a block of its own.
      good = good &&
             fixture.manager.atomic([](pqxx::transaction_base &tx) { return tx.query_value<int>("SELECT 1"); }) == 1;
    } catch (...) {
      good = false;
    }
    ::_exit(good ? 0 : 3);
  }
  CHECK(told);
  CHECK(fixture.committed_rows() == 2);
  CHECK(fixture.manager.epoch() == 1);
  CHECK(fixture.manager.statistics().blocks_committed == 1);
}

TEST_CASE("begin()'s object ends in a child without a word to the server, and without an exception") {
  Fixture fixture;
  auto tx = fixture.manager.begin();
  fixture.insert(*tx);
  CHECK(succeeds_in_child([&] {
    auto const ended = std::move(tx);
    return true;
  }));
  CHECK(succeeds_in_child([&] {
    try {
      tx.commit();
    } catch (pqxx::broken_connection const &) {
      return true;
    }
    return false;
  }));
  fixture.insert(*tx);
  tx.commit();
  CHECK(fixture.committed_rows() == 2);
}

TEST_SUITE_END();
