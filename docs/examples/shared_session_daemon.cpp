// Eight threads of a daemon share one PostgreSQL session. They move money between accounts; one of them forgets to
// commit now and then; half-way the server is restarted under them. At the end the books must balance to the cent.

#include "bank.hpp"
#include "support/test_server.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int workers = 8;

struct Tally {
  std::atomic<std::int64_t> committed{0};  // transfers that the database has acknowledged
  std::atomic<std::int64_t> leaks{0};      // forgotten transactions, each caught by its lease
  std::atomic<std::int64_t> repeated{0};   // attempts lost to the restart, and made again
  std::atomic<std::int64_t> failures{0};   // anything that should not happen
};

class Worker {
public:
  Worker(Bank &bank, Tally &tally, int number) : bank_{bank}, tally_{tally}, number_{number} {}

  void operator()(std::stop_token const &stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      try {
        if (number_ == 0 && i % 200 == 199) forget();
        transfer(fmt::format("{}-{}", number_, i), stop);
      } catch (std::exception const &error) {
        ++tally_.failures;
        spdlog::error("worker {}: {}", number_, error.what());
        return;
      }
    }
  }

private:
  /// The leak is thrown in the thread that made it, with the line where its lease was taken.
  void forget() {
    try {
      bank_.forget(number_);
      ++tally_.failures;
    } catch (pqlease::UncommittedTransaction const &leak) {
      if (++tally_.leaks == 1) std::cout << "  the first leak: " << leak.what() << '\n';
    } catch (pqxx::broken_connection const &) {
      ++tally_.repeated;
    } catch (pqxx::sql_error const &) {
      ++tally_.repeated;
    } catch (pqlease::ConnectionDown const &) {
      ++tally_.repeated;
    }
  }

  /// Tries until the transfer is in the books, or the daemon stops. Each id gets there once at most: it is a key.
  void transfer(std::string const &id, std::stop_token const &stop) {
    bool in_doubt = false;
    while (!stop.stop_requested() || in_doubt) {
      try {
        if (!in_doubt || !bank_.has_transfer(id)) bank_.transfer(id, number_, (number_ + 1) % Bank::accounts);
        ++tally_.committed;
        return;
      } catch (pqxx::in_doubt_error const &) {
        in_doubt = true;  // lost during COMMIT: the ledger knows
      } catch (pqxx::broken_connection const &) {
        // lost before COMMIT, so it was rolled back
      } catch (pqxx::sql_error const &error) {
        if (error.sqlstate().substr(0, 3) != "57P") throw;  // the server's farewell, before COMMIT as well
      } catch (pqlease::ConnectionDown const &) {
        // the server is not back yet
      }
      ++tally_.repeated;
      pause(stop);
    }
  }

  /// Cut short when the daemon stops.
  static void pause(std::stop_token const &stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock{mutex};
    stopped.wait_for(lock, stop, 50ms, [] { return false; });
  }

  Bank &bank_;
  Tally &tally_;
  int number_;
};

/// Crashes the server and starts it again; a server that is not ours only loses the session.
void pull_the_rug(pqlease::testing::TestServer &server) {
  if (server.can_restart()) {
    std::cout << "  restarting the server, -m immediate\n";
    server.restart(pqlease::testing::StopMode::immediate);
  } else {
    std::cout << "  terminating the session: this server is not ours to restart\n";
    pqxx::connection administrator{server.conninfo()};
    pqxx::nontransaction{administrator}.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shared_session_daemon'");
  }
}

std::chrono::seconds run_time() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  auto const *const given = std::getenv("PQLEASE_DEMO_SECONDS");
  return std::chrono::seconds{given == nullptr ? 10 : std::max(2, std::stoi(given))};
}

void run(pqlease::ManagedConnection &manager, Bank &bank, Tally &tally, std::chrono::seconds length) {
  std::vector<std::jthread> threads;
  threads.reserve(workers);
  for (int number = 0; number < workers; ++number) threads.emplace_back(Worker{bank, tally, number});
  auto &server = pqlease::testing::test_server();
  for (std::chrono::seconds second{1}; second <= length; ++second) {
    std::this_thread::sleep_for(1s);
    std::cout << fmt::format("{:3} s: {:7} transactions, {:3} leaks caught, session {}\n", second.count(),
                             tally.committed.load(), tally.leaks.load(), manager.epoch())
              << std::flush;
    if (second == length / 2) pull_the_rug(server);
  }
}

bool report(pqlease::ManagedConnection &manager, Bank &bank, Tally const &tally, std::chrono::seconds length) {
  auto const statistics = manager.statistics();
  auto const expected = Bank::accounts * Bank::cents_each;
  auto const total = bank.total();
  auto const entries = bank.ledger_entries();
  std::cout << fmt::format("\n{:<28}{:>12}\n", "transactions", tally.committed.load())
            << fmt::format("{:<28}{:>12}\n", "in the ledger", entries)
            << fmt::format("{:<28}{:>12}\n", "leaks caught", tally.leaks.load())
            << fmt::format("{:<28}{:>12}\n", "attempts repeated", tally.repeated.load())
            << fmt::format("{:<28}{:>12}\n", "sessions opened", statistics.sessions_opened)
            << fmt::format("{:<28}{:>12}\n", "leases granted", statistics.leases_granted)
            << fmt::format("{:<28}{:>12}\n", "leases waited", statistics.leases_contended)
            << fmt::format("{:<28}{:>12}\n", "transactions per second", tally.committed.load() / length.count())
            << fmt::format("{:<28}{:>12}\n", "cents expected", expected)
            << fmt::format("{:<28}{:>12}\n", "cents found", total);
  bool const balanced = total == expected && entries == tally.committed.load();
  bool const honest = tally.failures.load() == 0 && tally.leaks.load() > 0 && statistics.sessions_opened >= 2;
  std::cout << (balanced ? "not a cent was lost\n" : "THE BOOKS DO NOT BALANCE\n");
  if (!honest) std::cout << "but something else went wrong: see above\n";
  return balanced && honest;
}

}  // namespace

int main() {
  try {
    spdlog::set_level(spdlog::level::err);  // the table at the end says it all
    pqlease::ManagedConnection manager{pqlease::testing::test_server().conninfo() +
                                       " application_name=shared_session_daemon"};
    std::cout << fmt::format("{}\n{} threads, one session\n", manager, workers);
    Bank bank{manager};
    Tally tally;
    bank.set_up();
    auto const length = run_time();
    run(manager, bank, tally, length);
    bool const good = report(manager, bank, tally, length);
    bank.tear_down();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (std::exception const &error) {
    std::cerr << "shared_session_daemon: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
