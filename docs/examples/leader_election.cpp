// Two daemons, each with three threads and one session. One leads: its session holds an advisory lock. It loses the
// lock when the server is restarted, and wins it again; then it is cut off, and the other daemon takes over. Every act
// is written down with the term in which it was done: no term may have two leaders, nor an act after the next one
// began.

#include "leadership.hpp"
#include "support/throwaway_server.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>
#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using Term = std::int64_t;

namespace {

void require(bool good, std::string const &what) {
  if (!good) throw std::runtime_error{what};
}

//! [fence]
/// Something outside of the database. It takes no orders from a leader whose time is over.
class Printer {
public:
  bool print(Term term) {
    std::scoped_lock const lock{mutex_};
    if (term < latest_) return false;
    latest_ = term;
    return true;
  }

private:
  std::mutex mutex_;  // guards latest_
  Term latest_{0};
};
//! [fence]

/// What the daemons tell the world: how far they are.
class Progress {
public:
  void tell(std::string const &daemon, Term term) {
    std::scoped_lock const lock{mutex_};
    if (term < latest_) return;
    if (term > latest_) std::cout << "term " << term << ": " << daemon << " leads\n";
    latest_ = term;
    leader_ = daemon;
    ++acts_;
    acted_.notify_all();
  }

  /// Waits for some acts of a leader in a later term than `before`.
  Term wait_for_leader(std::string const &daemon, Term before) {
    std::unique_lock lock{mutex_};
    acts_ = 0;
    bool const led = acted_.wait_for(lock, 30s, [&] { return acts_ >= 20 && leader_ == daemon && latest_ > before; });
    require(led, daemon + " does not lead");
    return latest_;
  }

private:
  std::mutex mutex_;  // guards all below
  std::condition_variable acted_;
  std::string leader_;
  Term latest_{0};
  int acts_{0};
};

class Daemon {
public:
  Daemon(std::string name, std::string const &conninfo, Progress &progress)
      : name_{std::move(name)}, manager_{conninfo}, progress_{progress} {
    for (int i = 0; i < 3; ++i) {
      threads_.emplace_back([this](std::stop_token const &stop) { run(stop); });
    }
  }

  pqlease::ManagedConnection &manager() { return manager_; }
  Leadership &leadership() { return leadership_; }

private:
  void run(std::stop_token const &stop) {
    while (!stop.stop_requested()) {
      try {
        if (auto const term = act()) progress_.tell(name_, *term);
      } catch (pqxx::failure const &) {
        // the session was lost: the act is undone, and so is the leadership
      } catch (pqlease::ConnectionDown const &) {
        // the server is not back yet
      }
      pause(stop);
    }
  }

  //! [act]
  std::optional<Term> act() {
    auto lease = manager_.lease();
    auto const term = leadership_.term(lease);
    if (term) {
      pqxx::work transaction{*lease};
      transaction.exec("INSERT INTO act (term, daemon) VALUES ($1, $2)", pqxx::params{*term, name_});
      transaction.commit();
    }
    return term;
  }
  //! [act]

  /// Cut short when the daemon stops.
  static void pause(std::stop_token const &stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock{mutex};
    stopped.wait_for(lock, stop, 5ms, [] { return false; });
  }

  std::string name_;
  pqlease::ManagedConnection manager_;
  Leadership leadership_;
  Progress &progress_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

int backend_of(pqlease::Lease &lease) {
  return pqxx::nontransaction{*lease}.query_value<int>("SELECT pg_backend_pid()");
}

/// The daemon leads, looks away for a moment, and has lost its session: what it then does in the database is not done.
void lose_the_session_before_the_act(Daemon &daemon, pqlease::testing::ThrowawayServer &server) {
  auto lease = daemon.manager().lease();
  require(daemon.leadership().term(lease).has_value(), "the daemon does not lead");
  server.kill_backend(backend_of(lease));
  try {
    pqxx::nontransaction{*lease}.exec("INSERT INTO act (term, daemon) VALUES (0, 'nobody')");
  } catch (pqxx::failure const &) {
    return;
  }
  throw std::runtime_error{"an act without its lock"};
}

void check_acts(std::string const &conninfo) {
  pqxx::connection connection{conninfo};
  pqxx::nontransaction look{connection};
  auto const divided = look.query_value<int>(
      "SELECT count(*) FROM (SELECT FROM act GROUP BY term HAVING count(DISTINCT daemon) > 1) AS terms");
  auto const late = look.query_value<int>(
      "SELECT count(*) FROM (SELECT term < lag(term) OVER (ORDER BY id) AS late FROM act) AS acts WHERE late");
  require(divided == 0, "a term had two leaders");
  require(late == 0, "a leader acted when its time was over");
  std::cout << look.query_value<int>("SELECT count(*) FROM act") << " acts, each by the one leader of its term\n";
}

void run() {
  pqlease::testing::ThrowawayServer server;
  Progress progress;
  Printer printer;
  pqlease::ManagedConnection{server.conninfo()}.with_lease([](pqxx::connection &connection) {
    Leadership::set_up(connection);
    pqxx::nontransaction{connection}.exec("CREATE TABLE act (id bigserial PRIMARY KEY, term bigint, daemon text)");
  });
  {
    Daemon anna{"anna", server.conninfo(), progress};
    auto const first = progress.wait_for_leader("anna", 0);
    server.restart(pqlease::testing::StopMode::immediate);
    auto const second = progress.wait_for_leader("anna", first);
    require(printer.print(second), "the leader may print");

    Daemon const bert{"bert", server.conninfo(), progress};
    lose_the_session_before_the_act(anna, server);
    // Who is first now leads. Anna is made to wait, as one whose machine has stopped would.
    auto stopped = anna.manager().lease();
    stopped->close();
    auto const third = progress.wait_for_leader("bert", second);
    require(printer.print(third), "the leader may print");
    std::cout << "anna, who has slept through it, wants to print in term " << second << '\n';
    require(!printer.print(second), "a leader whose time is over may not");
  }
  check_acts(server.conninfo());
}

}  // namespace

int main() {
  try {
    spdlog::set_level(spdlog::level::err);
    run();
    return EXIT_SUCCESS;
  } catch (pqlease::testing::NoServer const &missing) {
    std::cerr << "skipped: " << missing.what() << '\n';
    return 77;
  } catch (std::exception const &error) {
    std::cerr << "leader_election: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
