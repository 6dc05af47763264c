// Eight threads write through one manager while the primary is killed and its standby takes over.

#include "support/standby_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pqlease::ManagedConnection;
using pqlease::Require;
using pqlease::testing::ServerPair;
using pqlease::testing::StopMode;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t writers = 8;
constexpr int enough = 20;       // rows of each thread before the failover, and after it
constexpr auto patience = 120s;  // for a machine that others share

/// What one thread knows of its rows.
struct Record {
  std::vector<int> acknowledged{};  ///< COMMIT returned; read once the thread has ended
  std::atomic<int> before{0};       ///< of these, before the primary was killed
  std::atomic<int> after{0};        ///< of these, written after the standby was promoted
  int failures{0};
};

/// Everything of one run, in the order in which it is made.
class Failover {
public:
  Failover(std::string const &additions, pqlease::Options options)
      : manager_{pair_.conninfo() + additions, std::move(options)} {
    pqxx::connection connection{pair_.primary.conninfo()};
    pqxx::nontransaction{connection}.exec("CREATE TABLE written (id int PRIMARY KEY)");
  }

  void run();
  void check() const;

private:
  void write(std::size_t number, std::stop_token const &stop);
  [[nodiscard]] bool write_row(int id);
  [[nodiscard]] bool wait_for_all(std::atomic<int> Record::*rows) const;

  ServerPair pair_{};
  std::atomic<bool> promoted_{false};
  std::array<Record, writers> records_{};
  ManagedConnection manager_;
};

void Failover::run() {
  std::vector<std::jthread> threads;
  for (std::size_t number = 0; number < writers; ++number) {
    threads.emplace_back([this, number](std::stop_token const &stop) { write(number, stop); });
  }
  REQUIRE(wait_for_all(&Record::before));
  pair_.primary.stop(StopMode::immediate);
  pair_.standby.promote();
  promoted_ = true;
  auto const start = Clock::now();
  REQUIRE(wait_for_all(&Record::after));
  auto const carried_on = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  std::cout << fmt::format("{} rows by every thread {} ms after the promotion\n", enough, carried_on.count());
}

void Failover::write(std::size_t number, std::stop_token const &stop) {
  auto &record = records_.at(number);
  for (int id = static_cast<int>(number); !stop.stop_requested(); id += static_cast<int>(writers)) {
    bool const after = promoted_.load();
    if (!write_row(id)) {
      ++record.failures;
      continue;
    }
    record.acknowledged.push_back(id);
    ++(after ? record.after : record.before);
  }
}

// Whatever goes wrong, the thread goes on with the next row: nobody knows what became of this one.
bool Failover::write_row(int id) try {
  manager_.with_lease([&](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("INSERT INTO written VALUES ($1)", pqxx::params{id});
    transaction.commit();
  });
  return true;
} catch (std::exception const &) {
  return false;
}

bool Failover::wait_for_all(std::atomic<int> Record::*rows) const {
  auto const end = Clock::now() + patience;
  auto const have_enough = [&](Record const &record) { return (record.*rows).load() >= enough; };
  while (!std::ranges::all_of(records_, have_enough)) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

void Failover::check() const {
  pqxx::connection connection{pair_.standby.conninfo()};
  pqxx::nontransaction transaction{connection};
  CHECK_FALSE(transaction.query_value<bool>("SELECT pg_is_in_recovery()"));
  std::set<int> written;
  for (auto const &[id] : transaction.query<int>("SELECT id FROM written")) written.insert(id);

  std::size_t acknowledged = 0;
  int failures = 0;
  std::size_t lost = 0;
  for (auto const &record : records_) {
    acknowledged += record.acknowledged.size();
    failures += record.failures;
    lost += static_cast<std::size_t>(
        std::ranges::count_if(record.acknowledged, [&](int id) { return !written.contains(id); }));
  }
  std::cout << fmt::format("{} rows acknowledged, {} on the new primary, {} attempts failed, epoch {}\n", acknowledged,
                           written.size(), failures, manager_.epoch());
  CHECK(lost == 0);
  CHECK(written.size() >= acknowledged);
  CHECK(manager_.statistics().sessions_opened >= 2);
}

}  // namespace

TEST_SUITE_BEGIN("failover");

TEST_CASE("threads carry on after a failover, and every acknowledged row is on the new primary") {
  std::string additions;
  pqlease::Options options{.connect_timeout = 5s};
  SUBCASE("target_session_attrs=read-write") { additions = " target_session_attrs=read-write"; }
  SUBCASE("Options::require") { options.require = Require::writable; }
  Failover failover{additions, std::move(options)};
  failover.run();
  failover.check();
}

TEST_SUITE_END();
