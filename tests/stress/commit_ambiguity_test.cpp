// COMMIT is cut (a) before it reaches the server, (b) after the server has committed and before its answer arrives, and
// (c) the same with the server away for two seconds afterwards; with and without Outcome::resolve. What the call
// reports and what the table holds agree, every time.

#include "settings.hpp"
#include "support/commit_cut.hpp"
#include "support/detail/local_server.hpp"
#include "support/fault_proxy.hpp"
#include "support/throwaway_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::stress;
using pqlease::Outcome;
using pqlease::testing::CommitCut;
using pqlease::testing::Ending;
using pqlease::testing::FaultProxy;
using pqlease::testing::LocalServer;
using pqlease::testing::StopMode;
using pqlease::testing::ThrowawayServer;

namespace {

constexpr auto patience = 120s;
constexpr int long_run = 200;

/// How often each combination is tried: two hundred times in a long run, about ten times at five seconds.
int rounds(Settings const &settings) {
  return settings.length >= 60s ? long_run : static_cast<int>(std::min<long>(2 * settings.length.count(), long_run));
}

/// With the server away for two seconds a round takes three.
int rounds_with_outage(Settings const &settings) { return settings.length >= 60s ? long_run : 2; }

/// What the server does once COMMIT was cut.
enum class Afterwards {
  well,    ///< it is there
  outage,  ///< nobody gets through to it, until end_outage()
};

enum class Reported { committed, rolled_back, unknown };

pqlease::Options options() {
  return {.reconnect = {.max_delay = 500ms},
          .logger = std::make_shared<spdlog::logger>("cut", std::make_shared<spdlog::sinks::null_sink_mt>())};
}

/// One combination: a manager behind a proxy of its own.
class Lane {
public:
  Lane(LocalServer &server, std::string name, CommitCut::Where where, Outcome outcome)
      : name_{std::move(name)},
        where_{where},
        outcome_{outcome},
        proxy_{server},
        manager_{proxy_.conninfo(), options()} {}

  /// A block that inserts `id`, whose COMMIT is cut in its first attempt; every other round with a retry.
  void run(int round, std::string const &id, Afterwards afterwards) {
    id_ = id;
    retried_ = round % 2 == 1;
    runs_ = 0;
    auto const ending = round / 2 % 2 == 0 ? Ending::finish : Ending::reset;
    pqlease::RetryPolicy const retry{.max_attempts = retried_ ? 2U : 1U, .initial_delay = 1ms, .on_disconnect = true};
    auto const started = std::chrono::steady_clock::now();
    try {
      manager_.atomic({.retry = retry, .outcome = outcome_, .resolve_timeout = patience},
                      [&](pqxx::transaction_base &tx) {
                        tx.exec("INSERT INTO cut VALUES ($1)", pqxx::params{id});
                        if (++runs_ > 1) return;
                        cut_commit(proxy_, tx, {where_, ending}, outcome_);
                        if (afterwards == Afterwards::outage) proxy_.refuse();
                      });
      reported_ = Reported::committed;
    } catch (pqlease::TransactionAborted const &) {
      reported_ = Reported::rolled_back;
    } catch (pqlease::OutcomeUnknown const &) {
      reported_ = Reported::unknown;
    } catch (std::exception const &error) {
      failure_ = error.what();
    }
    longest_ = std::max<std::chrono::steady_clock::duration>(longest_, std::chrono::steady_clock::now() - started);
  }

  /// Against what the table holds.
  void check(pqxx::transaction_base &tx) {
    CAPTURE(name_);
    CAPTURE(id_);
    CHECK(failure_ == "");
    auto const rows = tx.exec("SELECT count(*) FROM cut WHERE id = $1", pqxx::params{id_}).one_field().as<int>();
    bool const arrived = where_ == CommitCut::Where::answer;
    if (outcome_ == Outcome::report) {
      CHECK(reported_ == Reported::unknown);
      CHECK(rows == (arrived ? 1 : 0));
      CHECK(runs_ == 1);
    } else if (arrived) {
      CHECK(reported_ == Reported::committed);
      CHECK(rows == 1);
      CHECK(runs_ == 1);
    } else {
      CHECK(reported_ == (retried_ ? Reported::committed : Reported::rolled_back));
      CHECK(rows == (retried_ ? 1 : 0));
      CHECK(runs_ == (retried_ ? 2 : 1));
    }
    attempts_ += static_cast<std::uint64_t>(runs_);
    ++rounds_;
  }

  /// Each attempt has ended in one of three ways, and each cut is in doubt once.
  void check_statistics() const {
    CAPTURE(name_);
    auto const s = manager_.statistics();
    CHECK(s.blocks_committed + s.blocks_rolled_back + s.in_doubt_unknown == attempts_);
    CHECK(s.in_doubt_committed + s.in_doubt_rolled_back + s.in_doubt_unknown == rounds_);
    if (outcome_ == Outcome::resolve) CHECK(s.in_doubt_unknown == 0);
    std::cout << fmt::format(
                     "{:<28}{:5} rounds: {:5} found committed, {:5} found rolled back, {:5} unknown, longest {} ms\n",
                     name_, rounds_, s.in_doubt_committed, s.in_doubt_rolled_back, s.in_doubt_unknown,
                     std::chrono::duration_cast<std::chrono::milliseconds>(longest_).count())
              << std::flush;
  }

  void end_outage() { proxy_.forward(); }

  [[nodiscard]] bool wait_for_cut(std::size_t cuts) const {
    return proxy_.wait_until([cuts](auto const &counts) { return counts.cut >= cuts; }, patience);
  }
  [[nodiscard]] std::size_t cuts() const { return proxy_.counts().cut; }

private:
  std::string name_;
  CommitCut::Where where_;
  Outcome outcome_;
  FaultProxy proxy_;
  pqlease::ManagedConnection manager_;

  // Of the last round.
  std::string id_{};
  bool retried_{false};
  int runs_{0};
  Reported reported_{};
  std::string failure_{};

  std::uint64_t attempts_{0};
  std::uint64_t rounds_{0};
  std::chrono::steady_clock::duration longest_{0};
};

/// A server, and a lane for each combination.
class Matrix {
public:
  Matrix() {
    pqxx::connection session{server_.conninfo()};
    pqxx::nontransaction{session}.exec("CREATE TABLE cut (id text NOT NULL)");
  }

  void run_one_by_one(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (auto *lane : lanes_) {
        lane->run(round, next_id(), Afterwards::well);
        check({&lane, 1});
      }
    }
    for (auto *lane : lanes_) lane->check_statistics();
  }

  /// All lanes at once: when every one of them was cut, the server goes away.
  void run_with_outage(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      std::array<std::size_t, 4> cuts{};
      std::ranges::transform(lanes_, cuts.begin(), [](Lane const *lane) { return lane->cuts() + 1; });
      {
        std::vector<std::jthread> threads;
        for (auto *lane : lanes_)
          threads.emplace_back([lane, round, id = next_id()] { lane->run(round, id, Afterwards::outage); });
        for (std::size_t i = 0; i < lanes_.size(); ++i) CHECK(lanes_[i]->wait_for_cut(cuts[i]));
        server_.stop(round % 3 == 2 ? StopMode::immediate : StopMode::fast);
        std::this_thread::sleep_for(2s);
        server_.start();
        for (auto *lane : lanes_) lane->end_outage();
      }
      check(lanes_);
      if (round % 10 == 9)
        std::cout << fmt::format("{} of {} rounds with an outage\n", round + 1, rounds) << std::flush;
    }
    for (auto *lane : lanes_) lane->check_statistics();
  }

private:
  std::string next_id() { return std::to_string(++ids_); }

  void check(std::span<Lane *const> lanes) {
    pqxx::connection session{server_.conninfo()};
    pqxx::nontransaction tx{session};
    for (auto *lane : lanes) lane->check(tx);
  }

  // Nobody but the lanes uses up transaction ids: see docs/atomic.md on crashes.
  LocalServer server_{
      std::make_unique<ThrowawayServer>(ThrowawayServer::Settings{.configuration = {"autovacuum = off"}})};
  Lane question_{server_, "question, report", CommitCut::Where::question, Outcome::report};
  Lane answer_{server_, "answer, report", CommitCut::Where::answer, Outcome::report};
  Lane question_resolved_{server_, "question, resolve", CommitCut::Where::question, Outcome::resolve};
  Lane answer_resolved_{server_, "answer, resolve", CommitCut::Where::answer, Outcome::resolve};
  std::array<Lane *, 4> lanes_{&question_, &answer_, &question_resolved_, &answer_resolved_};
  int ids_{0};
};

}  // namespace

TEST_SUITE_BEGIN("stress");

TEST_CASE(
    "a COMMIT that is cut: what is reported and what is in the table agree, and a resolved outcome is never unknown") {
  auto const settings = settings_from_environment();
  std::cout << fmt::format("PQLEASE_STRESS_SECONDS={}: {} rounds of each\n", settings.length.count(), rounds(settings))
            << std::flush;
  Matrix{}.run_one_by_one(rounds(settings));
}

TEST_CASE("the same with the server away for two seconds afterwards") {
  auto const settings = settings_from_environment();
  std::cout << fmt::format("{} rounds of each with an outage\n", rounds_with_outage(settings)) << std::flush;
  Matrix{}.run_with_outage(rounds_with_outage(settings));
}

TEST_SUITE_END();
