#include "detail/outcome.hpp"

#include "detail/backoff.hpp"
#include "detail/manager.hpp"
#include <pqlease/errors.hpp>

namespace pqlease::detail {
namespace {

using namespace std::chrono_literals;

constexpr Backoff between_questions{.initial_delay = 5ms, .factor = 2, .max_delay = 250ms, .jitter = Jitter::none};

/// With the lease.
Fate ask(Session &session, TransactionMark const &mark, Deadline deadline) {
  auto const reply = session.ask(fate_question(mark).c_str(), deadline);
  if (reply.lost()) session.close();
  return fate_of(reply);
}

/// Whoever cannot have the lease or the session now can have it later, unless everything comes to an end.
Fate ask(Manager &manager, TransactionMark const &mark, BlockRequest const &request, Deadline deadline) {
  try {
    manager.acquire(request.where, {.queue = deadline, .session = deadline}, request.stop);
  } catch (LeaseCancelled const &) {
    return Fate::unknown;
  } catch (ManagerClosed const &) {
    return Fate::unknown;
  } catch (...) {
    return Fate::undecided;
  }
  auto fate = Fate::undecided;
  try {
    fate = ask(manager.session(), mark, deadline);
  } catch (...) {
    // For want of memory: it is asked again.
  }
  try {
    manager.release({.taken = request.where, .exit = Exit::unwinding(), .close_requested = false});
  } catch (...) {
    // Only a message can fail here, after the lease was given back.
  }
  return fate;
}

}  // namespace

Fate fate_of(Reply const &status) noexcept {
  // An id that the server has not given out yet: it has lost the transaction in a crash, or in a failover.
  if (status.sqlstate == "22023") return Fate::rolled_back;
  if (!status.carried_out() || status.value == "in progress") return Fate::undecided;
  if (status.value == "committed") return Fate::committed;
  return status.value == "aborted" ? Fate::rolled_back : Fate::unknown;  // null: too long ago
}

Fate find_fate(Manager &manager, TransactionMark const &mark, BlockRequest const &request, Deadline deadline) {
  for (std::size_t questions = 1;; ++questions) {
    auto const fate = ask(manager, mark, request, deadline);
    if (fate != Fate::undecided) return fate;
    auto const next = Deadline::at(Deadline::Clock::now() + between_questions.ceiling(questions));
    if (!manager.pause(earliest(next, deadline), request.stop) || deadline.passed()) return Fate::unknown;
  }
}

}  // namespace pqlease::detail
