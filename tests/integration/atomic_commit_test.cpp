// The truth about COMMIT. The stress suite does the same many times over.

#include "heard.hpp"
#include "proxied_fixture.hpp"
#include "session/commit.hpp"
#include "support/commit_cut.hpp"
#include "support/detail/poll_until.hpp"

#include <doctest/doctest.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;
using pqlease::AccessMode;
using pqlease::AtomicOptions;
using pqlease::Outcome;
using pqlease::OutcomeUnknown;
using pqlease::TransactionAborted;
using pqlease::detail::CommitAnswer;
using pqlease::testing::CommitCut;
using pqlease::testing::cut_commit;
using pqlease::testing::Ending;
using pqlease::testing::Fixture;
using pqlease::testing::poll_until;
using pqlease::testing::ProxiedFixture;
using pqlease::testing::starved;

namespace {

pqlease::RetryPolicy retry_everything(std::size_t attempts) {
  return {.max_attempts = attempts, .initial_delay = 1ms, .max_delay = 1ms, .on_disconnect = true};
}

/// Inserts a row in a block whose COMMIT is cut, the first time it is run. Returns how often that was.
int insert_with_cut(ProxiedFixture &proxied, AtomicOptions const &options, CommitCut cut) {
  int runs = 0;
  proxied.manager.atomic(options, [&](pqxx::transaction_base &tx) {
    proxied.fixture.insert(tx);
    if (++runs == 1) cut_commit(proxied.proxy, tx, cut, options.outcome);
  });
  return runs;
}

/// A table whose rows make COMMIT wait for an advisory lock.
class SlowCommit {
public:
  explicit SlowCommit(Fixture &fixture) : table_{fixture.table}, holder_{fixture.server.conninfo()} {
    pqxx::nontransaction tx{holder_};
    tx.exec("CREATE FUNCTION " + table_ +
            "_wait() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$");
    tx.exec("CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON " + table_ +
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION " + table_ + "_wait()");
    tx.exec("SELECT pg_advisory_lock(4711)");
  }
  SlowCommit(SlowCommit const &) = delete;
  SlowCommit &operator=(SlowCommit const &) = delete;
  ~SlowCommit() {
    pqxx::nontransaction tx{holder_};
    tx.exec("SELECT pg_advisory_unlock_all()");
    tx.exec("DROP FUNCTION " + table_ + "_wait() CASCADE");
  }

  /// Until a COMMIT waits; its backend.
  [[nodiscard]] int await_commit() {
    int backend = 0;
    CHECK(poll_until(
        [&] {
          auto const found = pqxx::nontransaction{holder_}.exec(
              "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
          if (!found.empty()) backend = found[0][0].as<int>();
          return backend != 0;
        },
        20s));
    return backend;
  }
  void let_go() { pqxx::nontransaction{holder_}.exec("SELECT pg_advisory_unlock(4711)"); }

private:
  std::string table_;
  pqxx::connection holder_;
};

/// Time that this thread was not kept from running.
class Stopwatch {
public:
  [[nodiscard]] std::chrono::nanoseconds elapsed() const {
    return std::chrono::steady_clock::now() - start_ - (starved() - starved_before_);
  }

private:
  std::chrono::steady_clock::time_point start_{std::chrono::steady_clock::now()};
  std::chrono::nanoseconds starved_before_{starved()};
};

/// Calls a function in the middle of the library: where it writes a certain line.
class Interruption : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
  explicit Interruption(std::string line) : line_{std::move(line)} {}

  std::function<void()> call{};

private:
  void sink_it_(spdlog::details::log_msg const &message) override {
    if (std::string_view{message.payload.data(), message.payload.size()}.find(line_) != std::string_view::npos) call();
  }
  void flush_() override {}

  std::string line_;
};

}  // namespace

TEST_SUITE_BEGIN("atomic commit");

TEST_CASE("trap: COMMIT of a failed transaction is answered ROLLBACK with a success code") {
  pqxx::connection connection{pqlease::testing::test_server().conninfo()};
  auto *const raw = reinterpret_cast<PGconn *>(std::move(connection).release_raw_connection());
  CHECK(pqlease::detail::execute(raw, "BEGIN"));
  CHECK_FALSE(pqlease::detail::execute(raw, "SELECT 1/0"));
  CHECK(pqlease::detail::send_commit(raw).answer == CommitAnswer::rolled_back);
  CHECK(pqlease::detail::execute(raw, "BEGIN"));
  CHECK(pqlease::detail::send_commit(raw).answer == CommitAnswer::committed);
  PQfinish(raw);
}

TEST_CASE("COMMIT that never reached the server: OutcomeUnknown by default, and the block is not run again") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    ProxiedFixture proxied;
    try {
      insert_with_cut(proxied, {.retry = retry_everything(3)}, {CommitCut::Where::question, ending});
      FAIL("it claims to know");
    } catch (OutcomeUnknown const &unknown) {
      CHECK_FALSE(unknown.transaction_id());
    }
    CHECK(proxied.fixture.committed_rows() == 0);
    auto const statistics = proxied.manager.statistics();
    CHECK(statistics.in_doubt_unknown == 1);
    CHECK(statistics.blocks_committed + statistics.blocks_rolled_back + statistics.blocks_retried == 0);
    check_next_lease_works(proxied, 2);
  }
}

TEST_CASE("COMMIT whose answer was lost: OutcomeUnknown by default, and the block is not run again") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    ProxiedFixture proxied;
    CHECK_THROWS_AS(insert_with_cut(proxied, {.retry = retry_everything(3)}, {CommitCut::Where::answer, ending}),
                    OutcomeUnknown);
    CHECK(poll_until([&] { return proxied.fixture.committed_rows() == 1; }, 10s));
    CHECK(proxied.manager.statistics().in_doubt_unknown == 1);
  }
}

TEST_CASE("Outcome::resolve, COMMIT that never reached the server: TransactionAborted") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    ProxiedFixture proxied;
    CHECK_THROWS_AS(insert_with_cut(proxied, {.outcome = Outcome::resolve}, {CommitCut::Where::question, ending}),
                    TransactionAborted);
    CHECK(proxied.fixture.committed_rows() == 0);
    auto const statistics = proxied.manager.statistics();
    CHECK(statistics.in_doubt_rolled_back == 1);
    CHECK(statistics.blocks_rolled_back == 1);
    CHECK(proxied.fixture.log.contains("lost its session during COMMIT; it was found to be rolled back"));
  }
}

TEST_CASE("Outcome::resolve, COMMIT that never reached the server, with retry: the block is run again") {
  ProxiedFixture proxied;
  CHECK(insert_with_cut(proxied, {.retry = {.max_attempts = 2}, .outcome = Outcome::resolve},
                        {CommitCut::Where::question, Ending::reset}) == 2);
  CHECK(proxied.fixture.committed_rows() == 1);
  auto const statistics = proxied.manager.statistics();
  CHECK(statistics.in_doubt_rolled_back == 1);
  CHECK(statistics.blocks_retried == 1);
  CHECK(statistics.blocks_committed == 1);
}

TEST_CASE("Outcome::resolve, COMMIT whose answer was lost: the call returns normally, and its callbacks are called") {
  for (auto const ending : {Ending::finish, Ending::reset}) {
    ProxiedFixture proxied;
    int called = 0;
    AtomicOptions const options{.retry = retry_everything(3), .outcome = Outcome::resolve};
    auto const number = proxied.manager.atomic(options, [&](pqxx::transaction_base &tx) {
      proxied.fixture.insert(tx);
      proxied.manager.on_commit([&] { ++called; });
      cut_commit(proxied.proxy, tx, {CommitCut::Where::answer, ending}, options.outcome);
      return 7;
    });
    CHECK(number == 7);
    CHECK(called == 1);
    CHECK(proxied.fixture.committed_rows() == 1);
    auto const statistics = proxied.manager.statistics();
    CHECK(statistics.in_doubt_committed == 1);
    CHECK(statistics.blocks_committed == 1);
    CHECK(statistics.blocks_rolled_back == 0);
    CHECK(proxied.fixture.log.contains("lost its session during COMMIT; it was found to be committed"));
  }
}

TEST_CASE("begin() resolves what atomic() resolves") {
  ProxiedFixture proxied;
  auto committed = proxied.manager.begin({.outcome = Outcome::resolve});
  proxied.fixture.insert(*committed);
  cut_commit(proxied.proxy, *committed, {CommitCut::Where::answer, Ending::reset}, Outcome::resolve);
  committed.commit();
  CHECK(proxied.fixture.committed_rows() == 1);
  auto aborted = proxied.manager.begin({.outcome = Outcome::resolve});
  proxied.fixture.insert(*aborted);
  cut_commit(proxied.proxy, *aborted, {CommitCut::Where::question, Ending::reset}, Outcome::resolve);
  CHECK_THROWS_AS(aborted.commit(), TransactionAborted);
  auto unknown = proxied.manager.begin();
  proxied.fixture.insert(*unknown);
  cut_commit(proxied.proxy, *unknown, {CommitCut::Where::question, Ending::reset}, Outcome::report);
  CHECK_THROWS_AS(unknown.commit(), OutcomeUnknown);
  CHECK(proxied.fixture.committed_rows() == 1);
}

TEST_CASE("the session lost while the id is asked for: before COMMIT, so rolled back for certain") {
  ProxiedFixture proxied;
  int runs = 0;
  CHECK_THROWS_AS(proxied.manager.atomic({.outcome = Outcome::resolve},
                                         [&](pqxx::transaction_base &tx) {
                                           proxied.fixture.insert(tx);
                                           proxied.proxy.cut(Ending::reset);
                                         }),
                  pqxx::broken_connection);
  proxied.manager.atomic({.retry = retry_everything(2), .outcome = Outcome::resolve}, [&](pqxx::transaction_base &tx) {
    proxied.fixture.insert(tx);
    if (++runs == 1) proxied.proxy.cut(Ending::reset);
  });
  CHECK(runs == 2);
  CHECK(proxied.fixture.committed_rows() == 1);
  CHECK(proxied.manager.statistics().in_doubt_rolled_back == 0);
}

TEST_CASE("when nobody can be asked in time: OutcomeUnknown with the transaction's id") {
  auto const sink = std::make_shared<Interruption>("session lost during the lease");
  ProxiedFixture proxied{{.reconnect = {.initial_delay = 10ms, .max_delay = 10ms},
                          .logger = std::make_shared<spdlog::logger>("interrupted", sink)}};
  std::string id;
  Stopwatch since_loss;
  sink->call = [&] { since_loss = {}; };
  try {
    proxied.manager.atomic({.outcome = Outcome::resolve, .resolve_timeout = 300ms}, [&](pqxx::transaction_base &tx) {
      proxied.fixture.insert(tx);
      id = tx.query_value<std::string>("SELECT pg_current_xact_id()::text");
      cut_commit(proxied.proxy, tx, {CommitCut::Where::answer, Ending::reset}, Outcome::resolve);
      proxied.proxy.refuse();
    });
    FAIL("it claims to know");
  } catch (OutcomeUnknown const &unknown) {
    CHECK(std::to_string(unknown.transaction_id().value_or(0)) == id);
  }
  CHECK(since_loss.elapsed() <= 300ms + 200ms);
  CHECK(proxied.manager.statistics().in_doubt_unknown == 1);
  proxied.proxy.forward();
  CHECK(poll_until([&] { return proxied.fixture.committed_rows() == 1; }, 10s));
}

TEST_CASE("a server that answers nothing does not hold up a resolution past its time-out") {
  auto const sink = std::make_shared<Interruption>("session lost during the lease");
  ProxiedFixture proxied{{.logger = std::make_shared<spdlog::logger>("interrupted", sink)}};
  // After the block has lost its session, before it asks for the next one.
  sink->call = [&] { proxied.proxy.swallow(); };
  CHECK_THROWS_AS(insert_with_cut(proxied, {.outcome = Outcome::resolve, .resolve_timeout = 300ms},
                                  {CommitCut::Where::answer, Ending::reset}),
                  OutcomeUnknown);
  CHECK(proxied.manager.statistics().leaks == 0);
}

TEST_CASE("a COMMIT that is still at work when its session is lost is asked for until it is final") {
  ProxiedFixture proxied;
  SlowCommit slow{proxied.fixture};
  std::jthread const cutter{[&] {
    static_cast<void>(slow.await_commit());
    auto const before = proxied.manager.statistics().leases_granted;
    proxied.proxy.cut(Ending::reset);
    // Asked twice, and in progress each time.
    CHECK(poll_until([&] { return proxied.manager.statistics().hold.count() >= before + 2; }, 20s));
    slow.let_go();
  }};
  proxied.manager.atomic({.outcome = Outcome::resolve},
                         [&](pqxx::transaction_base &tx) { proxied.fixture.insert(tx); });
  CHECK(proxied.manager.statistics().in_doubt_committed == 1);
  CHECK(proxied.fixture.committed_rows() == 1);
}

TEST_CASE("a backend that is terminated in the middle of COMMIT: resolved as rolled back") {
  ProxiedFixture proxied;
  SlowCommit slow{proxied.fixture};
  std::jthread const killer{[&] { proxied.fixture.server.kill_backend(slow.await_commit()); }};
  CHECK_THROWS_AS(proxied.manager.atomic({.outcome = Outcome::resolve},
                                         [&](pqxx::transaction_base &tx) { proxied.fixture.insert(tx); }),
                  TransactionAborted);
  CHECK(proxied.manager.statistics().in_doubt_rolled_back == 1);
  CHECK(proxied.fixture.committed_rows() == 0);
}

TEST_CASE("a stop token, and shutdown, end the resolution with OutcomeUnknown") {
  for (bool const by_token : {true, false}) {
    ProxiedFixture proxied;
    SlowCommit slow{proxied.fixture};
    std::stop_source stop;
    std::jthread const cutter{[&] {
      static_cast<void>(slow.await_commit());
      auto const before = proxied.manager.statistics().leases_granted;
      proxied.proxy.cut(Ending::reset);
      CHECK(poll_until([&] { return proxied.manager.statistics().hold.count() >= before + 1; }, 20s));
      if (by_token) {
        stop.request_stop();
      } else {
        proxied.manager.shutdown();
      }
    }};
    CHECK_THROWS_AS(proxied.manager.atomic({.outcome = Outcome::resolve, .stop = stop.get_token()},
                                           [&](pqxx::transaction_base &tx) { proxied.fixture.insert(tx); }),
                    OutcomeUnknown);
  }
}

TEST_CASE("a full line of waiters does not keep a resolution from coming to its end") {
  auto const sink = std::make_shared<Interruption>("session lost during the lease");
  ProxiedFixture proxied{{.max_waiters = 1, .logger = std::make_shared<spdlog::logger>("interrupted", sink)}};
  auto &manager = proxied.manager;
  SlowCommit slow{proxied.fixture};
  std::jthread next;
  std::jthread const cutter{[&] {
    static_cast<void>(slow.await_commit());
    proxied.proxy.cut(Ending::reset);
    slow.let_go();
  }};
  // After the block has lost its session and given the lease back, before it asks for the next one.
  sink->call = [&] {
    next = std::jthread{[&] {
      std::jthread second;  // ends after the lease
      auto const lease = manager.lease();
      second = std::jthread{[&] { CHECK(manager.lease_for(20s)); }};
      CHECK(poll_until([&] { return manager.statistics().leases_refused > 0; }, 20s));
    }};
    CHECK(poll_until([&] { return pqlease::testing::somebody_waits(manager); }, 20s));
  };
  manager.atomic({.outcome = Outcome::resolve}, [&](pqxx::transaction_base &tx) { proxied.fixture.insert(tx); });
  CHECK(proxied.fixture.committed_rows() == 1);
  CHECK(manager.statistics().leases_refused > 0);
}

TEST_CASE("Outcome::resolve needs no time to release") {
  Fixture fixture{{.release_timeout = 0ms}};
  fixture.manager.atomic({.outcome = Outcome::resolve}, [&](pqxx::transaction_base &tx) { fixture.insert(tx); });
  CHECK(fixture.committed_rows() == 1);
  CHECK(fixture.manager.epoch() == 1);
}

TEST_CASE("a server that does not answer what Outcome::resolve asks before BEGIN is a lost session") {
  ProxiedFixture proxied{{.idle_probe_after = 1h, .probe_timeout = 100ms}};
  { auto const lease = proxied.manager.lease(); }
  proxied.proxy.swallow();
  CHECK_THROWS_AS(insert_with_cut(proxied, {.outcome = Outcome::resolve}, {CommitCut::Where::answer, Ending::reset}),
                  pqxx::broken_connection);
  proxied.proxy.forward();
  CHECK(proxied.fixture.log.contains("session lost during the lease"));
  proxied.manager.atomic({.outcome = Outcome::resolve},
                         [&](pqxx::transaction_base &tx) { proxied.fixture.insert(tx); });
  CHECK(proxied.fixture.committed_rows() == 1);
}

TEST_CASE("a read-only block costs no round trip for Outcome::resolve, and has written nothing") {
  ProxiedFixture proxied;
  auto const bytes_of = [&](Outcome outcome) {
    auto const before = proxied.proxy.counts().from_client;
    proxied.manager.atomic({.access = AccessMode::read_only, .outcome = outcome},
                           [](pqxx::transaction_base &tx) { tx.exec("SELECT 1"); });
    auto const answered = proxied.proxy.counts();
    return answered.from_client - before;
  };
  static_cast<void>(bytes_of(Outcome::resolve));  // opens the session, which finds out what it can ask for
  auto const plain = bytes_of(Outcome::report);
  CHECK(bytes_of(Outcome::resolve) == plain + std::string{"; SAVEPOINT pqlease_0"}.size());
}

TEST_CASE("a block that has written nothing counts as rolled back, and a retry runs it again") {
  ProxiedFixture proxied;
  for (auto const access : {AccessMode::read_only, AccessMode::read_write}) {
    // What a read-only block sends next is COMMIT itself.
    auto const asked = access == AccessMode::read_only ? Outcome::report : Outcome::resolve;
    int runs = 0;
    auto const read = [&](pqxx::transaction_base &tx) {
      auto const number = tx.query_value<int>("SELECT 1");
      if (++runs == 1) cut_commit(proxied.proxy, tx, {CommitCut::Where::answer, Ending::reset}, asked);
      return number;
    };
    CHECK_THROWS_AS(proxied.manager.atomic({.access = access, .outcome = Outcome::resolve}, read), TransactionAborted);
    runs = 0;
    CHECK(proxied.manager.atomic({.access = access, .retry = retry_everything(2), .outcome = Outcome::resolve}, read) ==
          1);
    CHECK(runs == 2);
  }
}

TEST_CASE("a read-only block with Outcome::resolve cannot be made writable by SQL, so that nothing goes unasked") {
  ProxiedFixture proxied;
  CHECK_THROWS_AS(proxied.manager.atomic({.access = AccessMode::read_only, .outcome = Outcome::resolve},
                                         [](pqxx::transaction_base &tx) { tx.exec("SET TRANSACTION READ WRITE"); }),
                  pqxx::sql_error);
}

TEST_CASE("a read-only block that a nested block has made writable is asked about") {
  ProxiedFixture proxied;
  proxied.manager.atomic(
      {.access = AccessMode::read_only, .outcome = Outcome::resolve}, [&](pqxx::transaction_base &tx) {
        proxied.manager.atomic({.access = AccessMode::read_write},
                               [&](pqxx::transaction_base &inner) { proxied.fixture.insert(inner); });
        cut_commit(proxied.proxy, tx, {CommitCut::Where::answer, Ending::reset}, Outcome::resolve);
      });
  CHECK(proxied.fixture.committed_rows() == 1);
  CHECK(proxied.manager.statistics().in_doubt_committed == 1);
}

TEST_SUITE_END();
