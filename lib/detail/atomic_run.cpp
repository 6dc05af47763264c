#include "detail/atomic_run.hpp"

#include "detail/backoff.hpp"
#include "detail/manager.hpp"
#include "detail/outcome.hpp"
#include "detail/poison.hpp"
#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <spdlog/fmt/fmt.h>

#include <utility>

namespace pqlease::detail {
namespace {

std::string sqlstate_of(std::exception_ptr const &error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (pqxx::sql_error const &sql) {
    return std::string{sql.sqlstate()};
  } catch (...) {
    return {};
  }
}

std::string text_about(Manager const &manager, std::source_location where, std::string_view what) {
  return fmt::format("{}: the atomic block at {} {}", manager.name(), describe(where), what);
}

Patience patience_for(Manager const &manager, BlockRequest const &request) {
  if (!request.lease_timeout) return manager.default_patience();
  auto const deadline = Deadline::after(*request.lease_timeout);
  bool const no_waiting = request.lease_timeout->count() == 0;
  return {.queue = deadline, .session = no_waiting ? Deadline::never() : deadline};
}

/// In a child process made by fork(): nothing of the parent's reaches the server, and nothing is counted.
BlockEnd inherited() {
  return {.error =
              std::make_exception_ptr(pqxx::broken_connection{"the atomic block was begun by the parent process"})};
}

BlockEnd count_rolled_back(Manager &manager, BlockEnd end) noexcept {
  ++manager.counters().blocks_rolled_back;
  return end;
}

void call(Manager &manager, std::source_location where, std::vector<BlockLevels::Callback> const &callbacks) noexcept {
  for (auto const &callback : callbacks) {
    try {
      callback();
    } catch (...) {
      auto const problem = text_of(std::current_exception());
      manager.log().write(Severity::error,
                          text_about(manager, where, "was committed, but on_commit failed: " + problem));
    }
  }
}

BlockEnd settle_doubt(Manager &manager, BlockRequest const &request, CommitReport const &report) {
  auto const deadline = Deadline::after(request.resolve_timeout);
  auto fate = Fate::unknown;
  if (request.outcome == Outcome::resolve) {
    fate = report.mark ? find_fate(manager, *report.mark, request, deadline) : Fate::rolled_back;
  }
  auto const tell = [&](Severity severity, std::string const &what) {
    auto text = text_about(manager, request.where, "lost its session during COMMIT; " + what);
    manager.log().write(severity, text);
    return text;
  };
  auto &counters = manager.counters();
  switch (fate) {
  case Fate::committed:
    ++counters.in_doubt_committed;
    ++counters.blocks_committed;
    static_cast<void>(tell(Severity::info, "it was found to be committed"));
    return {};
  case Fate::rolled_back:
    ++counters.in_doubt_rolled_back;
    ++counters.blocks_rolled_back;
    return {.error =
                std::make_exception_ptr(TransactionAborted{tell(Severity::info, "it was found to be rolled back")}),
            .failure = Failure::found_rolled_back};
  default:
    ++counters.in_doubt_unknown;
    return {.error =
                std::make_exception_ptr(OutcomeUnknown{tell(Severity::error, "nobody knows whether it was committed"),
                                                       report.mark ? std::optional{report.mark->id} : std::nullopt})};
  }
}

BlockEnd settle(Manager &manager, BlockRequest const &request, CommitReport const &report) {
  switch (report.end) {
  case CommitEnd::committed:
    ++manager.counters().blocks_committed;
    return {};
  case CommitEnd::in_doubt:
    return settle_doubt(manager, request, report);
  case CommitEnd::ended_by_sql:
    ++manager.counters().in_doubt_unknown;
    return {.error = report.error};
  default:
    return count_rolled_back(manager,
                             {.error = report.error, .failure = report.failure, .sqlstate = sqlstate_of(report.error)});
  }
}

void acquire(Manager &manager, BlockRequest const &request, Deadline deadline) {
  auto patience = patience_for(manager, request);
  patience.queue = earliest(patience.queue, deadline);
  patience.session = earliest(patience.session, deadline);
  manager.acquire(request.where, patience, request.stop);
}

bool is_libpqxx(std::exception_ptr const &error) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (pqxx::failure const &) {
    return true;
  } catch (...) {
    return false;
  }
}

/// What an exception that leaves a block before COMMIT means for another attempt. A server that ends a session says so
/// by all kinds of errors: `lost` is what the connection itself says.
BlockEnd failed_with(std::exception_ptr const &error, bool lost) {
  if (is_poisonous(error) || (lost && is_libpqxx(error))) return {.error = error, .failure = Failure::disconnected};
  return {.error = error, .failure = Failure::error, .sqlstate = sqlstate_of(error)};
}

/// Gives the lease back. Returns what there is to say of a leak; null where there is none.
std::exception_ptr give_back(Manager &manager, LeaseEnd end) noexcept {
  end.use = Use::block;
  try {
    manager.release(end);
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

/// With the lease, which is given back if this fails.
BlockEnd begin(Manager &manager, BlockRequest const &request) {
  try {
    manager.blocks().begin(request);
    return {};
  } catch (...) {
    auto end = failed_with(std::current_exception(), manager.blocks().is_lost());
    give_back(
        manager,
        {.taken = request.where, .exit = Exit::unwinding(), .close_requested = end.failure == Failure::disconnected});
    return count_rolled_back(manager, std::move(end));
  }
}

BlockEnd run_body(Manager &manager, BlockBody const &body) {
  try {
    body(manager.blocks().transaction());
  } catch (...) {
    auto const error = std::current_exception();
    auto end = abandon_block(manager, error);
    if (!error) throw;  // a thread that is being cancelled must not be held up
    return end;
  }
  return commit_block(manager);
}

/// A block that is run until it is committed, or nothing helps any more.
class Attempts {
public:
  Attempts(Manager &manager, AtomicOptions const &options, BlockRequest const &request)
      : manager_{manager}, options_{options}, request_{request}, schedule_{options.retry, Deadline::Clock::now()} {}

  void run(BlockBody const &body) {
    acquire(manager_, request_, Deadline::never());
    schedule_.first_attempt_at(Deadline::Clock::now());
    for (auto end = attempt(body); end.error; end = attempt(body)) {
      if (!take_lease_again(end)) std::rethrow_exception(end.error);
    }
  }

private:
  /// With the lease.
  BlockEnd attempt(BlockBody const &body) {
    auto end = begin(manager_, request_);
    return end.error ? end : run_body(manager_, body);
  }

  /// Whether there is to be another attempt; this thread has the lease then.
  bool take_lease_again(BlockEnd const &failed) {
    if (manager_.is_inherited()) return false;
    auto verdict = decide(failed.failure, failed.sqlstate);
    while (verdict.step == RetryStep::retry && wait(verdict.delay)) {
      try {
        acquire(manager_, request_, schedule_.deadline());
        ++manager_.counters().blocks_retried;
        return true;
      } catch (ConnectionDown const &down) {
        verdict = decide(Failure::disconnected, down.sqlstate());
        if (verdict.step == RetryStep::pass) verdict.step = RetryStep::give_up;  // as for want of a lease
      } catch (Error const &) {
        break;  // no lease: the block's own failure is what its caller wants to know
      }
    }
    if (verdict.step != RetryStep::pass) ++manager_.counters().blocks_given_up;
    return false;
  }

  Verdict decide(Failure failure, std::string const &sqlstate) {
    auto verdict = schedule_.after(failure, sqlstate, Deadline::Clock::now(), random_chance());
    if (verdict.step == RetryStep::retry && request_.stop.stop_requested()) verdict.step = RetryStep::give_up;
    if (options_.retry.max_attempts > 1) tell(verdict, failure, sqlstate);
    return verdict;
  }

  void tell(Verdict const &verdict, Failure failure, std::string const &sqlstate) const {
    auto const next = verdict.step == RetryStep::retry
                          ? fmt::format("the next one begins in {} ms",
                                        std::chrono::ceil<std::chrono::milliseconds>(verdict.delay).count())
                          : std::string{"there is no other one"};
    manager_.log().write(Severity::warning,
                         text_about(manager_, request_.where,
                                    fmt::format("failed, attempt {} of {} ({}); {}", schedule_.failed(),
                                                options_.retry.max_attempts, reason(failure, sqlstate), next)));
  }

  static std::string reason(Failure failure, std::string const &sqlstate) {
    if (!sqlstate.empty()) return "SQLSTATE " + sqlstate;
    switch (failure) {
    case Failure::disconnected:
      return "session lost";
    case Failure::found_rolled_back:
      return "COMMIT lost";
    default:
      return "no error of SQL";
    }
  }

  bool wait(std::chrono::nanoseconds delay) {
    if (delay.count() == 0) return !request_.stop.stop_requested();
    return manager_.pause(Deadline::at(Deadline::Clock::now() + delay), request_.stop);
  }

  Manager &manager_;
  AtomicOptions const &options_;
  BlockRequest const &request_;
  RetrySchedule schedule_;
};

/// A block that was begun in this one, and is still open at its end, goes with it. Where the outermost one has ended
/// meanwhile, there is nothing left that is this one's.
void run_nested(Manager &manager, BlockRequest const &request, BlockBody const &body) {
  auto &blocks = manager.blocks();
  blocks.enter(request);
  auto const ticket = blocks.ticket();
  auto const depth = blocks.depth();
  auto const is_open = [&] { return blocks.ticket() == ticket && blocks.depth() >= depth; };
  auto const abandon = [&] {
    while (is_open()) blocks.abandon();
  };
  try {
    body(blocks.transaction());
  } catch (...) {
    abandon();
    throw;
  }
  if (!is_open()) throw UsageError{text_about(manager, request.where, "has lost the block around it, which has ended")};
  if (blocks.depth() == depth) return blocks.leave();
  abandon();
  throw UncommittedTransaction{
      text_about(manager, request.where, "ended with a block in it still open; both were rolled back"), request.where};
}

}  // namespace

void run_atomic(Manager &manager, AtomicOptions const &options, std::source_location where, BlockBody const &body) {
  auto const request = make_request(options, where);
  if (!manager.is_in_block()) return Attempts{manager, options, request}.run(body);
  if (options.retry.max_attempts > 1) {
    throw UsageError{text_about(manager, where, "is within another one, which alone can be run again: no retry here")};
  }
  run_nested(manager, request, body);
}

void open_block(Manager &manager, BlockRequest const &request) {
  acquire(manager, request, Deadline::never());
  auto const end = begin(manager, request);
  if (end.error) std::rethrow_exception(end.error);
}

BlockEnd commit_block(Manager &manager) {
  auto &blocks = manager.blocks();
  if (manager.is_inherited()) {
    static_cast<void>(blocks.close());
    return inherited();
  }
  auto const request = blocks.request();
  auto const report = blocks.commit();
  auto const callbacks = blocks.close();
  auto leak = give_back(
      manager, {.taken = request.where, .exit = Exit::normal(), .close_requested = report.end == CommitEnd::in_doubt});
  if (report.end == CommitEnd::leaked) {
    if (!leak)
      leak = std::make_exception_ptr(UncommittedTransaction{"a block left something in progress", request.where});
    return count_rolled_back(manager, {.error = leak});
  }
  auto end = settle(manager, request, report);
  if (!end.error) call(manager, request.where, callbacks);
  return end;
}

BlockEnd abandon_block(Manager &manager, std::exception_ptr const &error) noexcept {
  auto &blocks = manager.blocks();
  if (manager.is_inherited()) {
    static_cast<void>(blocks.close());
    return {.error = error};
  }
  auto const where = blocks.request().where;
  bool const lost = blocks.is_lost();
  bool const rolled_back = blocks.roll_back();
  static_cast<void>(blocks.close());
  auto end = failed_with(error, lost);
  give_back(manager,
            {.taken = where, .exit = Exit::unwinding(), .close_requested = end.failure == Failure::disconnected});
  if (rolled_back) return count_rolled_back(manager, std::move(end));
  ++manager.counters().in_doubt_unknown;
  return {.error = error};
}

void leak_block(Manager &manager) {
  auto &blocks = manager.blocks();
  auto const where = blocks.request().where;
  if (manager.is_inherited()) return static_cast<void>(blocks.close());
  if (blocks.was_aborted()) return static_cast<void>(abandon_block(manager, nullptr));
  bool const lost = blocks.is_lost();
  blocks.leave_in_progress();
  static_cast<void>(blocks.close());
  auto const leak = give_back(manager, {.taken = where, .exit = Exit::normal(), .close_requested = false});
  if (leak || lost) ++manager.counters().blocks_rolled_back;
  if (leak) std::rethrow_exception(leak);
  if (lost) return;  // as for a lease: its user has seen the error
  ++manager.counters().in_doubt_unknown;
  throw OutcomeUnknown{
      text_about(manager, where, "ended without commit(); its transaction had been ended by SQL before")};
}

}  // namespace pqlease::detail
