#include "ratios/contender.hpp"

#include "ratios/server_process.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <mutex>

namespace pqlease::benchmarks {
namespace {

std::optional<pid_t> process_of(ManagedConnection &manager) {
  auto lease = manager.lease();
  return server_process(*lease);
}

class LeaseContender final : public Contender {
public:
  LeaseContender(LookupTable const &table, Statement statement)
      : table_{table},
        statement_{statement},
        manager_{table.conninfo(), {.on_open = [&table](pqxx::connection &session) { table.prepare(session); }}} {}

  Clock::time_point look_up(int key) override {
    auto lease = manager_.lease();
    auto const granted = Clock::now();
    pqxx::nontransaction transaction{*lease};
    table_.find(transaction, statement_, key);
    return granted;
  }

  std::optional<pid_t> server_process() override { return process_of(manager_); }

  [[nodiscard]] ManagedConnection &manager() noexcept { return manager_; }

private:
  LookupTable const &table_;
  Statement statement_;
  ManagedConnection manager_;
};

class ListeningContender final : public Contender {
public:
  ListeningContender(LookupTable const &table, Statement statement) : lease_{table, statement} {}

  Clock::time_point look_up(int key) override { return lease_.look_up(key); }

  std::optional<pid_t> server_process() override { return lease_.server_process(); }

private:
  LeaseContender lease_;
  Subscription subscription_{lease_.manager().listen("pqlease_benchmark", [](Notification const &) {})};
};

class MutexContender final : public Contender {
public:
  MutexContender(LookupTable const &table, Statement statement)
      : table_{table}, statement_{statement}, connection_{table.conninfo()} {
    table.prepare(connection_);
  }

  Clock::time_point look_up(int key) override {
    std::scoped_lock const lock{mutex_};
    auto const granted = Clock::now();
    pqxx::nontransaction transaction{connection_};
    table_.find(transaction, statement_, key);
    return granted;
  }

  std::optional<pid_t> server_process() override { return benchmarks::server_process(connection_); }

private:
  LookupTable const &table_;
  Statement statement_;
  std::mutex mutex_;  // guards connection_
  pqxx::connection connection_;
};

class AtomicContender final : public Contender {
public:
  AtomicContender(LookupTable const &table, Outcome outcome)
      : table_{table},
        options_{.outcome = outcome},
        manager_{table.conninfo(), {.on_open = [&table](pqxx::connection &session) { table.prepare(session); }}} {}

  Clock::time_point look_up(int key) override {
    return manager_.atomic(options_, [&](pqxx::transaction_base &transaction) {
      auto const begun = Clock::now();
      table_.find(transaction, Statement::prepared, key);
      return begun;
    });
  }

  std::optional<pid_t> server_process() override { return process_of(manager_); }

private:
  LookupTable const &table_;
  AtomicOptions options_;
  ManagedConnection manager_;
};

class WorkContender final : public Contender {
public:
  explicit WorkContender(LookupTable const &table) : table_{table}, connection_{table.conninfo()} {
    table.prepare(connection_);
  }

  Clock::time_point look_up(int key) override {
    std::scoped_lock const lock{mutex_};
    pqxx::work transaction{connection_};
    auto const begun = Clock::now();
    table_.find(transaction, Statement::prepared, key);
    transaction.commit();
    return begun;
  }

  std::optional<pid_t> server_process() override { return benchmarks::server_process(connection_); }

private:
  LookupTable const &table_;
  std::mutex mutex_;  // guards connection_
  pqxx::connection connection_;
};

class ConnectContender final : public Contender {
public:
  explicit ConnectContender(LookupTable const &table) : table_{table} {}

  Clock::time_point look_up(int key) override {
    pqxx::connection connection{table_.conninfo()};
    auto const connected = Clock::now();
    pqxx::nontransaction transaction{connection};
    table_.find(transaction, Statement::ad_hoc, key);
    return connected;
  }

  std::optional<pid_t> server_process() override { return std::nullopt; }

private:
  LookupTable const &table_;
};

}  // namespace

std::unique_ptr<Contender> make_lease_contender(LookupTable const &table, Statement statement) {
  return std::make_unique<LeaseContender>(table, statement);
}

std::unique_ptr<Contender> make_listening_contender(LookupTable const &table, Statement statement) {
  return std::make_unique<ListeningContender>(table, statement);
}

std::unique_ptr<Contender> make_mutex_contender(LookupTable const &table, Statement statement) {
  return std::make_unique<MutexContender>(table, statement);
}

std::unique_ptr<Contender> make_atomic_contender(LookupTable const &table, Outcome outcome) {
  return std::make_unique<AtomicContender>(table, outcome);
}

std::unique_ptr<Contender> make_work_contender(LookupTable const &table) {
  return std::make_unique<WorkContender>(table);
}

std::unique_ptr<Contender> make_connect_contender(LookupTable const &table) {
  return std::make_unique<ConnectContender>(table);
}

}  // namespace pqlease::benchmarks
