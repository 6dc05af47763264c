#include "fixture.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::Lease;
using pqlease::SessionState;
using pqlease::UsageError;
using pqlease::testing::ApplicationError;
using pqlease::testing::backend_of;
using pqlease::testing::Fixture;

namespace {

int ask_for_backend(pqxx::connection &connection) {
  return pqxx::nontransaction{connection}.query_value<int>("SELECT pg_backend_pid()");
}

/// A manager, and the backend of its session as a state of that.
struct Remembering {
  Fixture fixture{};
  pqlease::ManagedConnection &manager{fixture.manager};
  int made{0};
  SessionState<int> backend{[this](pqxx::connection &connection) {
    ++made;
    return ask_for_backend(connection);
  }};
};

void check_remembers(Remembering &remembering, int made) {
  auto lease = remembering.manager.lease();
  CHECK(remembering.backend.get(lease) == backend_of(lease));
  CHECK(remembering.made == made);
}

}  // namespace

TEST_SUITE_BEGIN("session state");

TEST_CASE("a session's state is made by the first who asks, and is there for every lease of the same session") {
  Remembering remembering;
  {
    auto lease = remembering.manager.lease();
    CHECK_FALSE(remembering.backend.is_current(lease));
    remembering.backend.get(lease) = 42;
    CHECK(remembering.backend.is_current(lease));
  }
  auto lease = remembering.manager.lease();
  CHECK(remembering.backend.is_current(lease));
  CHECK(remembering.backend.get(lease) == 42);
  CHECK(remembering.made == 1);
}

TEST_CASE("a session's state is made again in the session that takes its place") {
  Remembering remembering;
  check_remembers(remembering, 1);
  SUBCASE("after close()") { remembering.manager.close(); }
  SUBCASE("after close_on_release()") { remembering.manager.lease().close_on_release(); }
  SUBCASE("after its backend was terminated") {
    auto const backend = [&] {
      auto lease = remembering.manager.lease();
      return remembering.backend.get(lease);
    }();
    remembering.fixture.server.kill_backend(backend);
  }
  SUBCASE("after a restart of the server") {
    if (!remembering.fixture.server.can_restart()) return;
    remembering.fixture.server.restart(pqlease::testing::StopMode::immediate);
  }
  auto lease = remembering.manager.lease();
  CHECK_FALSE(remembering.backend.is_current(lease));
  lease.release();
  check_remembers(remembering, 2);
}

TEST_CASE("a factory that throws leaves no value, not even the old one, and the next call tries again") {
  Fixture fixture;
  bool fail = true;
  auto const lifetime = std::make_shared<int>();
  SessionState state{[&](pqxx::connection &) {
    if (fail) throw ApplicationError{"not today"};
    return lifetime;
  }};
  {
    auto lease = fixture.manager.lease();
    CHECK_THROWS_AS(static_cast<void>(state.get(lease)), ApplicationError);
    CHECK_FALSE(state.is_current(lease));
    fail = false;
    CHECK(state.get(lease) == lifetime);
    CHECK(lifetime.use_count() == 2);
  }
  fixture.manager.close();
  fail = true;
  auto lease = fixture.manager.lease();
  CHECK_THROWS_AS(static_cast<void>(state.get(lease)), ApplicationError);
  CHECK(lifetime.use_count() == 1);
  fail = false;
  CHECK(state.get(lease) == lifetime);
}

TEST_CASE("a state that was reset is made again in the same session") {
  Remembering remembering;
  check_remembers(remembering, 1);
  {
    auto lease = remembering.manager.lease();
    remembering.backend.reset(lease);
    CHECK_FALSE(remembering.backend.is_current(lease));
  }
  check_remembers(remembering, 2);
}

TEST_CASE("a state is not made in the midst of a transaction, which could undo it; one that is there may be used") {
  Remembering remembering;
  auto lease = remembering.manager.lease();
  remembering.fixture.begin_by_hand(*lease);
  CHECK_THROWS_AS(static_cast<void>(remembering.backend.get(lease)), UsageError);
  CHECK(remembering.made == 0);
  lease.rollback();
  auto const backend = remembering.backend.get(lease);
  pqxx::work const transaction{*lease};
  CHECK(remembering.backend.get(lease) == backend);
  CHECK(remembering.made == 1);
}

TEST_CASE("a factory that leaves a transaction open is refused, and its value is not kept") {
  Fixture fixture;
  bool leak = true;
  SessionState state{[&](pqxx::connection &connection) {
    if (leak) fixture.begin_by_hand(connection);
    return 1;
  }};
  auto lease = fixture.manager.lease();
  CHECK_THROWS_AS(static_cast<void>(state.get(lease)), UsageError);
  CHECK_FALSE(state.is_current(lease));
  lease.rollback();
  leak = false;
  CHECK(state.get(lease) == 1);
}

TEST_CASE("a session that is known to be lost has no state") {
  Remembering remembering;
  auto lease = remembering.manager.lease();
  remembering.fixture.server.kill_backend(remembering.backend.get(lease));
  CHECK_THROWS_AS(static_cast<void>(backend_of(lease)), pqxx::broken_connection);
  CHECK_FALSE(remembering.backend.is_current(lease));
  CHECK_THROWS_AS(static_cast<void>(remembering.backend.get(lease)), pqxx::broken_connection);
  lease.release();
  check_remembers(remembering, 3);  // the second call had only a broken connection
}

TEST_CASE("a state belongs to the first manager whose lease it sees, and refuses others and empty leases") {
  Remembering remembering;
  Fixture other;
  check_remembers(remembering, 1);
  auto foreign = other.manager.lease();
  CHECK_THROWS_AS(static_cast<void>(remembering.backend.get(foreign)), UsageError);
  CHECK_THROWS_AS(static_cast<void>(remembering.backend.is_current(foreign)), UsageError);
  CHECK_THROWS_AS(remembering.backend.reset(foreign), UsageError);
  foreign.release();
  CHECK_THROWS_AS(static_cast<void>(remembering.backend.get(foreign)), UsageError);
  check_remembers(remembering, 1);
}

TEST_CASE("with Pooling::transaction there is no session for a state to belong to") {
  Fixture fixture{{.pooling = pqlease::Pooling::transaction}};
  SessionState backend{ask_for_backend};
  auto lease = fixture.manager.lease();
  CHECK_THROWS_AS(static_cast<void>(backend.get(lease)), UsageError);
  CHECK_THROWS_AS(static_cast<void>(backend.is_current(lease)), UsageError);
  CHECK_THROWS_AS(backend.reset(lease), UsageError);
}

TEST_CASE("a child process makes a state of its own session, and leaves its parent's alone") {
  Remembering remembering;
  check_remembers(remembering, 1);
  auto const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(30);  // ends a child that hangs
    bool good = false;
    try {
      auto lease = remembering.manager.lease_for(20s);
      bool const stale = remembering.backend.is_current(lease);
      good = !stale && remembering.backend.get(lease) == backend_of(lease) && remembering.made == 2;
    } catch (...) {
      good = false;
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  CHECK(status == 0);
  check_remembers(remembering, 1);
}

TEST_CASE("threads that share a state make it once for each session, however often that is replaced") {
  constexpr int threads = 8;
  constexpr int rounds = 50;
  Remembering remembering;
  std::vector<int> wrong(threads, 0);
  {
    std::vector<std::jthread> crew;
    for (int number = 0; number < threads; ++number) {
      crew.emplace_back([&, number] {
        for (int round = 0; round < rounds; ++round) {
          auto lease = remembering.manager.lease_for(30s);
          if (remembering.backend.get(lease) != backend_of(lease)) ++wrong[static_cast<std::size_t>(number)];
          if (number == 0 && round % 10 == 0) lease.close_on_release();
        }
      });
    }
  }
  CHECK(wrong == std::vector<int>(threads, 0));
  CHECK(remembering.made == static_cast<int>(remembering.manager.epoch()));
  CHECK(remembering.manager.epoch() >= rounds / 10);
}

TEST_SUITE_END();
