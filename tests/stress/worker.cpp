#include "worker.hpp"

#include <pqxx/pqxx>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;

namespace pqlease::stress {
namespace {

/// An application's own error.
struct ApplicationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::string_view cancelled_statement = "57014";

}  // namespace

void Worker::operator()() {
  while (attempt()) {}
  activity_.end();
}

bool Worker::attempt() {
  rest();
  asked_for_cancel_ = false;
  try {
    act();
  } catch (ManagerClosed const &) {
    return false;
  } catch (...) {
    absorb(std::current_exception());
  }
  return true;
}

void Worker::rest() {
  activity_.start("rests");
  while (shared_.lull) std::this_thread::sleep_for(1ms);
}

void Worker::act() {
  using Act = void (Worker::*)();
  struct Choice {
    int weight;
    Act act;
    char const *name;
  };
  static constexpr std::array choices{
      Choice{200, &Worker::lease_and_transfer, "lease()"},
      Choice{100, &Worker::with_lease, "with_lease()"},
      Choice{60, &Worker::lease_cancellably, "lease(stop_token)"},
      Choice{60, &Worker::lease_in_time, "lease_for()"},
      Choice{60, &Worker::lease_if_free, "try_lease()"},
      Choice{20, &Worker::throw_inside, "an exception inside the lease"},
      Choice{20, &Worker::fail_inside, "a failing statement inside the lease"},
      Choice{20, &Worker::leak_by_hand, "a leak: BEGIN by hand"},
      Choice{2, &Worker::leak_object, "a leak: a transaction object"},
      Choice{8, &Worker::leak_copy, "a leak: a COPY"},
      Choice{20, &Worker::cancel_statements, "statements that another thread cancels"},
      Choice{5, &Worker::ask_twice, "a lease in a lease"},
      Choice{2, &Worker::close, "close()"},
  };
  static constexpr int total = [] {
    int sum = 0;
    for (auto const &choice : choices) sum += choice.weight;
    return sum;
  }();
  auto ticket = pick(0, total - 1);
  for (auto const &choice : choices) {
    if ((ticket -= choice.weight) >= 0) continue;
    activity_.start(choice.name);
    return (this->*choice.act)();
  }
}

void Worker::absorb(std::exception_ptr const &error) {
  auto &tally = shared_.tally;
  try {
    std::rethrow_exception(error);
  } catch (ApplicationError const &) {
    ++tally.own_exceptions;
  } catch (LeaseCancelled const &) {
    ++tally.cancelled;
  } catch (LeaseTimeout const &) {
    ++tally.timed_out;
  } catch (ConnectionDown const &) {
    ++tally.down;
    std::this_thread::sleep_for(std::chrono::milliseconds{pick(1, 20)});
  } catch (pqxx::sql_error const &error) {
    ++(error.sqlstate() == cancelled_statement ? tally.cancelled_statements : tally.sql_errors);
    if (error.sqlstate() == cancelled_statement && !asked_for_cancel_) {
      report_surprise("a statement that somebody else's cancel request has hit");
    }
  } catch (pqxx::failure const &) {
    ++tally.sql_errors;
  } catch (std::exception const &other) {
    report_surprise(other.what());
  }
}

void Worker::lease_and_transfer() {
  auto lease = shared_.manager.lease();
  transfer(lease);
}

void Worker::lease_cancellably() {
  auto lease = shared_.manager.lease(shared_.waits.begin(number_));
  transfer(lease);
}

void Worker::lease_in_time() {
  auto lease = shared_.manager.lease_for(std::chrono::milliseconds{pick(0, 20)});
  transfer(lease);
}

void Worker::lease_if_free() {
  auto lease = shared_.manager.try_lease();
  if (lease) return transfer(lease);
  ++shared_.tally.taken;
  std::this_thread::yield();
}

void Worker::with_lease() {
  shared_.manager.with_lease([this](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    book(transaction, new_transfer());
    commit(transaction);
  });
}

void Worker::throw_inside() {
  auto lease = shared_.manager.lease();
  pqxx::work transaction{*lease};
  book(transaction, new_transfer());
  throw ApplicationError{"in the middle of a transfer"};
}

// COMMIT of a failed transaction is answered by ROLLBACK, and libpqxx takes that for success: the status says it
// before.
void Worker::fail_inside() {
  auto lease = shared_.manager.lease();
  pqxx::work transaction{*lease};
  book(transaction, new_transfer());
  try {
    transaction.exec("SELECT 1 / 0");
    report_surprise("1 / 0 has a value");
  } catch (pqxx::sql_error const &) {
    if (lease.status() == Status::in_transaction) report_surprise("a failed transaction that is none");
    throw;
  }
}

void Worker::leak_by_hand() {
  auto lease = shared_.manager.lease();
  {
    pqxx::nontransaction session{*lease};
    session.exec("BEGIN");
    session.exec(plain_statements(new_transfer()));
  }
  expect_leak(lease);
}

void Worker::leak_object() {
  auto lease = shared_.manager.lease();
  auto const transaction = std::make_unique<pqxx::work>(*lease);
  book(*transaction, new_transfer());
  expect_leak(lease);
}

void Worker::leak_copy() {
  auto lease = shared_.manager.lease();
  pqxx::nontransaction{*lease}.exec("COPY book FROM STDIN");
  expect_leak(lease);
}

void Worker::ask_twice() {
  auto lease = shared_.manager.lease();
  try {
    auto another = shared_.manager.lease();
    report_surprise("a lease in a lease");
  } catch (RecursiveLease const &) {
    transfer(lease);
  }
}

// The requests go on until the lease has ended, so that many are in flight at its end: none may hit the next one.
void Worker::cancel_statements() {
  asked_for_cancel_ = true;
  std::jthread other;
  auto lease = shared_.manager.lease();
  other = std::jthread{[canceller = lease.canceller()] {
    while (canceller.cancel(100ms)) {}
  }};
  transfer(lease);
}

void Worker::close() { shared_.manager.close(); }

void Worker::transfer(Lease &lease) {
  activity_.start("a transfer");
  pqxx::work transaction{*lease};
  book(transaction, new_transfer());
  if (lease.status() == Status::in_transaction) commit(transaction);
}

void Worker::commit(pqxx::work &transaction) {
  record_.set(Outcome::unknown);
  try {
    transaction.commit();
  } catch (...) {
    ++shared_.tally.unknown;
    throw;
  }
  record_.set(Outcome::committed);
  ++shared_.tally.committed;
}

Transfer Worker::new_transfer() {
  auto const from = pick(0, account_count - 1);
  return {.id = record_.begin(),
          .from = from,
          .to = (from + pick(1, account_count - 1)) % account_count,
          .amount = pick(1, 1000)};
}

void Worker::expect_leak(Lease &lease) {
  activity_.start("the release of a leak");
  // A session that was lost meanwhile leaks nothing; and close() by its user was no leak either.
  bool const leaks = lease.status() != Status::unknown;
  try {
    lease.release();
    if (leaks) report_surprise("a leak that went unnoticed");
  } catch (UncommittedTransaction const &) {
    ++shared_.tally.leaks;
  }
}

void Worker::report_surprise(char const *what) {
  ++shared_.tally.surprises;
  std::cout << fmt::format("SURPRISE in thread {}, {}: {}\n", number_, activity_.step(), what) << std::flush;
}

}  // namespace pqlease::stress
