// Eight threads move money by one manager, while four other sessions move the same money: serializable transactions
// that conflict on purpose.

#include "settings.hpp"
#include "support/throwaway_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::stress;
using pqlease::testing::ThrowawayServer;

namespace {

constexpr std::size_t threads = 8;
constexpr std::size_t rivals = 4;
constexpr int accounts = 10;
constexpr std::int64_t first_rival_id = 1'000'000'000;

/// Ten thousand in a long run, a tenth of that at five seconds.
std::size_t transfers(Settings const &settings) {
  auto const seconds = static_cast<std::size_t>(settings.length.count());
  return seconds >= 60 ? 10'000 : std::max<std::size_t>(seconds * 200, 200);
}

struct Transfer {
  std::int64_t id;
  int from;
  int to;
};

Transfer random_transfer(std::mt19937_64 &random, std::int64_t id) {
  std::uniform_int_distribution<int> any{0, accounts - 1};
  return {.id = id, .from = any(random), .to = any(random)};
}

/// Reads before it writes, so that it depends on what it has seen.
void move_a_cent(pqxx::transaction_base &tx, Transfer const &transfer) {
  auto const balance = [&](int account) {
    return tx.exec(pqxx::prepped{"read"}, pqxx::params{account}).one_field().as<std::int64_t>();
  };
  auto const from = balance(transfer.from);
  tx.exec(pqxx::prepped{"write"}, pqxx::params{transfer.from, from - 1});
  auto const to = balance(transfer.to);
  tx.exec(pqxx::prepped{"write"}, pqxx::params{transfer.to, to + 1});
  tx.exec(pqxx::prepped{"note"}, pqxx::params{transfer.id});
}

void prepare(pqxx::connection &session) {
  session.prepare("read", "SELECT balance FROM account WHERE id = $1");
  session.prepare("write", "UPDATE account SET balance = $2 WHERE id = $1");
  session.prepare("note", "INSERT INTO book VALUES ($1)");
}

pqlease::Options options() {
  return {.on_open = &prepare,
          .logger = std::make_shared<spdlog::logger>("bank", std::make_shared<spdlog::sinks::null_sink_mt>())};
}

/// Everything of one run, in the order in which it is made.
class Bank {
public:
  explicit Bank(Settings settings) : settings_{settings}, committed_(transfers(settings)) {
    pqxx::connection session{server_.conninfo()};
    pqxx::work tx{session};
    tx.exec("CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)");
    tx.exec(fmt::format("INSERT INTO account SELECT g, 1000 FROM generate_series(0, {}) g", accounts - 1));
    tx.exec("CREATE TABLE book (id bigint NOT NULL)");
    tx.commit();
  }

  void run();
  void check_books();
  void check_statistics() const;

private:
  void work(std::uint64_t seed);
  void compete(std::stop_token const &stop, std::size_t number);
  void transfer(Transfer const &transfer);
  void print_progress() const;

  Settings settings_;
  std::vector<std::atomic<bool>> committed_;  ///< by the transfer's id
  ThrowawayServer server_{};
  pqlease::ManagedConnection manager_{server_.conninfo(), options()};
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> attempts_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> told_{0};
  std::atomic<std::uint64_t> surprises_{0};
  std::array<std::atomic<std::uint64_t>, rivals> rival_transfers_{};
};

void Bank::transfer(Transfer const &transfer) {
  pqlease::AtomicOptions const options{.isolation = pqlease::IsolationLevel::serializable,
                                       .retry = {.max_attempts = 5, .initial_delay = 1ms, .max_delay = 5ms}};
  try {
    manager_.atomic(options, [&](pqxx::transaction_base &tx) {
      ++attempts_;
      manager_.on_commit([this] { ++told_; });
      move_a_cent(tx, transfer);
    });
    committed_[static_cast<std::size_t>(transfer.id)] = true;
  } catch (pqxx::serialization_failure const &) {
    ++failed_;
  } catch (pqxx::deadlock_detected const &) {
    ++failed_;
  } catch (std::exception const &error) {
    ++surprises_;
    std::cout << error.what() << std::endl;
  }
}

void Bank::work(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  for (auto id = next_++; id < committed_.size(); id = next_++) {
    transfer(random_transfer(random, static_cast<std::int64_t>(id)));
  }
}

void Bank::compete(std::stop_token const &stop, std::size_t number) {
  std::mt19937_64 random{settings_.seed + number};
  pqxx::connection session{server_.conninfo()};
  prepare(session);
  while (!stop.stop_requested()) {
    auto const done = static_cast<std::int64_t>(rival_transfers_[number].load());
    auto const id = first_rival_id * static_cast<std::int64_t>(number + 1) + done;
    try {
      pqxx::transaction<pqxx::isolation_level::serializable> tx{session};
      move_a_cent(tx, random_transfer(random, id));
      tx.commit();
      ++rival_transfers_[number];
    } catch (pqxx::transaction_rollback const &) {
      // As intended; the next one has the same id.
    }
    std::this_thread::sleep_for(1ms);
  }
}

void Bank::run() {
  std::vector<std::jthread> others;
  for (std::size_t number = 0; number < rivals; ++number) {
    others.emplace_back([this, number](std::stop_token const &stop) { compete(stop, number); });
  }
  {
    std::atomic<std::size_t> ended{0};
    std::vector<std::jthread> workers;
    for (std::size_t number = 0; number < threads; ++number) {
      workers.emplace_back([this, number, &ended] {
        work(settings_.seed * 31 + number);
        ++ended;
      });
    }
    for (auto next_line = std::chrono::steady_clock::now(); ended < threads; std::this_thread::sleep_for(5ms)) {
      if (std::chrono::steady_clock::now() < next_line) continue;
      next_line += 1s;
      print_progress();
    }
  }
  print_progress();
}

void Bank::print_progress() const {
  auto const statistics = manager_.statistics();
  std::cout << fmt::format("{:6} transfers begun, {:6} committed, {:6} retried, {:4} given up\n", next_.load(),
                           statistics.blocks_committed, statistics.blocks_retried, statistics.blocks_given_up)
            << std::flush;
}

void Bank::check_books() {
  pqxx::connection session{server_.conninfo()};
  pqxx::nontransaction tx{session};
  CHECK(tx.query_value<std::int64_t>("SELECT sum(balance) FROM account") == 1000 * accounts);
  CHECK(tx.query_value<std::int64_t>("SELECT count(*) FROM (SELECT FROM book GROUP BY id HAVING count(*) > 1) twice") ==
        0);
  std::unordered_map<std::int64_t, int> book;
  for (auto const &row : tx.exec("SELECT id FROM book")) ++book[row[0].as<std::int64_t>()];
  std::size_t lost = 0;
  std::size_t undead = 0;
  for (std::size_t id = 0; id < committed_.size(); ++id) {
    bool const booked = book.contains(static_cast<std::int64_t>(id));
    if (committed_[id] && !booked) ++lost;
    if (!committed_[id] && booked) ++undead;
  }
  CHECK(lost == 0);
  CHECK(undead == 0);
  CHECK(surprises_ == 0);
}

void Bank::check_statistics() const {
  auto const statistics = manager_.statistics();
  auto const committed =
      static_cast<std::uint64_t>(std::ranges::count_if(committed_, [](auto const &one) { return one.load(); }));
  CHECK(statistics.blocks_committed == committed);
  CHECK(committed + failed_ == committed_.size());
  CHECK(statistics.blocks_committed + statistics.blocks_rolled_back + statistics.in_doubt_unknown == attempts_);
  CHECK(statistics.blocks_rolled_back == statistics.blocks_retried + statistics.blocks_given_up);
  CHECK(statistics.blocks_given_up == failed_);
  CHECK(statistics.in_doubt_unknown == 0);
  CHECK(told_ == committed);
  CHECK(statistics.blocks_retried > 0);
  for (auto const &rival : rival_transfers_) CHECK(rival > 0);
  CHECK(manager_.epoch() == 1);
}

}  // namespace

TEST_SUITE_BEGIN("stress");

TEST_CASE(
    "transfers that conflict are retried, none is lost, none is applied twice, and each attempt is accounted for") {
  auto const settings = settings_from_environment();
  std::cout << fmt::format("PQLEASE_STRESS_SECONDS={} PQLEASE_STRESS_SEED={}: {} transfers\n", settings.length.count(),
                           settings.seed, transfers(settings))
            << std::flush;
  Bank bank{settings};
  bank.run();
  bank.check_books();
  bank.check_statistics();
}

TEST_SUITE_END();
