// Sixteen threads move money by one session, while network and server fail at random and the threads themselves
// misbehave. In the end the books have to balance.

#include "activity.hpp"
#include "faults.hpp"
#include "ledger.hpp"
#include "memory.hpp"
#include "settings.hpp"
#include "support/detail/local_server.hpp"
#include "support/fault_proxy.hpp"
#include "support/throwaway_server.hpp"
#include "tally.hpp"
#include "waits.hpp"
#include "worker.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace pqlease::stress;
using pqlease::testing::FaultProxy;
using pqlease::testing::LocalServer;
using pqlease::testing::ThrowawayServer;

namespace {

constexpr std::size_t workers = 16;
constexpr std::size_t fault_thread = workers;  // by its activity
constexpr auto patience = sanitized ? 120s : 30s;
std::string const application = "pqlease_soak";

pqlease::Options options() {
  return {.connect_timeout = 500ms,
          .idle_probe_after = 20ms,
          .probe_timeout = 250ms,
          .release_timeout = 250ms,
          .hold_warning = 20ms,
          .reconnect = {.initial_delay = 5ms, .max_delay = 100ms},
          .on_open = &prepare_statements,
          .logger = std::make_shared<spdlog::logger>("soak", std::make_shared<spdlog::sinks::null_sink_mt>())};
}

/// Everything of one run, in the order in which it is made.
class Soak {
public:
  explicit Soak(Settings settings) : settings_{settings} {
    for (std::size_t number = 0; number < workers; ++number) records_.emplace_back(number);
    pqxx::connection connection{server_.conninfo()};
    create_ledger(connection);
  }

  void run();
  void check_books();
  void check_nothing_is_left();
  void check_memory() const;
  void print() const;

private:
  void start_workers();
  void watch_for(std::chrono::steady_clock::duration length);
  void watch_until_all_have_ended();
  void cancel_somebody();
  void check_nobody_is_stuck();
  void print_progress() const;

  Settings settings_;
  std::chrono::steady_clock::time_point start_{};
  std::mt19937_64 random_{settings_.seed};
  LocalServer server_{std::make_unique<ThrowawayServer>()};
  FaultProxy proxy_{server_};
  Watchdog watchdog_{workers + 1, patience};
  Waits waits_{workers};
  Tally tally_{};
  std::atomic<bool> lull_{false};
  std::vector<Record> records_{};
  std::optional<pqlease::ManagedConnection> manager_{std::in_place,
                                                     proxy_.conninfo() + " application_name=" + application, options()};
  std::optional<Faults> faults_{};
  std::vector<std::jthread> threads_{};
  std::size_t warm_memory_{0};
  pqlease::Statistics statistics_{};
};

void Soak::run() {
  start_ = std::chrono::steady_clock::now();
  start_workers();
  faults_.emplace(server_, proxy_, application, lull_, random_(), watchdog_.activity(fault_thread));
  auto const warm_up = settings_.length / 4 + 1s;
  watch_for(warm_up);
  warm_memory_ = resident_set();
  watch_for(settings_.length - warm_up);
  manager_->shutdown();
  std::jthread const stopper{[this] { faults_->stop(); }};
  watch_until_all_have_ended();
}

void Soak::start_workers() {
  Shared const shared{.manager = *manager_, .waits = waits_, .tally = tally_, .lull = lull_};
  for (std::size_t number = 0; number < workers; ++number) {
    threads_.emplace_back(Worker{shared, number, random_(), records_[number], watchdog_.activity(number)});
  }
}

void Soak::watch_for(std::chrono::steady_clock::duration length) {
  auto const end = std::chrono::steady_clock::now() + length;
  auto next_line = std::chrono::steady_clock::now();
  for (; std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(2ms)) {
    cancel_somebody();
    if (std::chrono::steady_clock::now() < next_line) continue;
    next_line += 1s;
    print_progress();
    check_nobody_is_stuck();
  }
}

void Soak::watch_until_all_have_ended() {
  for (; !watchdog_.all_have_ended(); std::this_thread::sleep_for(10ms)) check_nobody_is_stuck();
  threads_.clear();
  statistics_ = manager_->statistics();
}

void Soak::cancel_somebody() { waits_.cancel(std::uniform_int_distribution<std::size_t>{0, workers - 1}(random_)); }

void Soak::check_nobody_is_stuck() {
  if (!watchdog_.somebody_is_stuck()) return;
  std::cout << "STUCK: " << *manager_
            << fmt::format(", {} leases granted, seed {}; no step may take {} s\n{}",
                           manager_->statistics().leases_granted, settings_.seed, patience.count(),
                           watchdog_.describe());
  try {
    auto const lease = manager_->lease_for(0ms);
    std::cout << "nobody holds the lease\n";
  } catch (std::exception const &refusal) {
    std::cout << refusal.what() << '\n';
  }
  std::cout << std::flush;
  std::abort();
}

void Soak::print_progress() const {
  auto const at = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_);
  std::cout << fmt::format("{:3} s: {:7} committed, {:3} unknown, {:4} leaks, {:4} cancelled, {:4} timed out, "
                           "{:4} down, {:3} faults, epoch {}, {} MB\n",
                           at.count(), tally_.committed.load(), tally_.unknown.load(), tally_.leaks.load(),
                           tally_.cancelled.load(), tally_.timed_out.load(), tally_.down.load(), faults_->count(),
                           manager_->epoch(), resident_set() >> 20U)
            << std::flush;
}

void Soak::check_books() {
  pqxx::connection connection{server_.conninfo()};
  auto const books = audit(connection, records_);
  std::cout << fmt::format("\n{} transfers committed, {} rolled back, {} unknown of which {} are in the book\n",
                           books.committed, books.rolled_back, books.unknown, books.unknown_booked);
  CHECK(books.committed == tally_.committed.load());
  CHECK(books.committed > 0);
  CHECK(books.lost == 0);
  CHECK(books.undead == 0);
  CHECK(books.repeated == 0);
  CHECK(books.foreign == 0);
  CHECK(books.sum == 0);
  CHECK(books.unbalanced == 0);
  CHECK(tally_.surprises.load() == 0);
}

void Soak::check_nothing_is_left() {
  manager_.reset();
  pqxx::connection connection{server_.conninfo()};
  pqxx::nontransaction look{connection};
  auto const sessions = [&] {
    return look.query_value<int>("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + application +
                                 "'");
  };
  auto const deadline = std::chrono::steady_clock::now() + 10s;
  while (sessions() != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  CHECK(sessions() == 0);
}

void Soak::check_memory() const {
  auto const now = resident_set();
  // Each leaked transaction object leaves a closed connection in quarantine, on purpose; each transfer leaves a byte.
  auto const allowed = warm_memory_ + (std::size_t{16} << 20U) + statistics_.quarantined * 4096;
  std::cout << fmt::format("resident set: {} kB when warm, {} kB in the end\n", warm_memory_ >> 10U, now >> 10U);
  if (!sanitized) CHECK(now <= allowed);
}

void Soak::print() const {
  auto const line = [](char const *name, auto number) { std::cout << fmt::format("  {:<24}{:>10}\n", name, number); };
  std::cout << "\nfaults\n" << faults_->describe() << "\nmet by the threads\n";
  line("leaks", tally_.leaks.load());
  line("own exceptions", tally_.own_exceptions.load());
  line("cancelled", tally_.cancelled.load());
  line("timed out", tally_.timed_out.load());
  line("taken", tally_.taken.load());
  line("down", tally_.down.load());
  line("SQL errors", tally_.sql_errors.load());
  line("cancelled statements", tally_.cancelled_statements.load());
  std::cout << "\nstatistics\n";
  line("leases granted", statistics_.leases_granted);
  line("leases contended", statistics_.leases_contended);
  line("sessions opened", statistics_.sessions_opened);
  line("failed opens", statistics_.failed_opens);
  line("sessions replaced", statistics_.sessions_replaced);
  line("leaks", statistics_.leaks);
  line("forced rollbacks", statistics_.forced_rollbacks);
  line("forced closes", statistics_.forced_closes);
  line("quarantined", statistics_.quarantined);
  line("cancels sent", statistics_.cancels_sent);
  line("hold warnings", statistics_.hold_warnings);
}

}  // namespace

TEST_SUITE_BEGIN("stress");

TEST_CASE("not a cent is lost or made while network, server and threads fail") {
  auto const settings = settings_from_environment();
  std::cout << fmt::format("PQLEASE_STRESS_SECONDS={} PQLEASE_STRESS_SEED={}\n", settings.length.count(), settings.seed)
            << std::flush;
  Soak soak{settings};
  soak.run();
  soak.print();
  soak.check_books();
  soak.check_nothing_is_left();
  soak.check_memory();
}

TEST_SUITE_END();
