#include "session/cancel.hpp"

#include "session/socket.hpp"

#include <new>

#if !defined(LIBPQ_HAS_ASYNC_CANCEL)
#include <pthread.h>

#include <array>
#include <csignal>
#include <future>
#include <thread>
#endif

namespace pqlease::detail {
namespace {

#if defined(LIBPQ_HAS_ASYNC_CANCEL)  // libpq 17

// An object that could not be made says so by its status, as one that could not connect does.
CancelRequest *make_request(PGconn *raw) noexcept {
  auto *const request = PQcancelCreate(raw);
  if (request == nullptr || PQcancelStatus(request) != CONNECTION_BAD) return request;
  PQcancelFinish(request);
  return nullptr;
}

CancelOutcome await_answer(CancelRequest *request, Deadline deadline) noexcept {
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
    auto const given_up =
        PQcancelStatus(request) == CONNECTION_AWAITING_RESPONSE ? CancelOutcome::unknown : CancelOutcome::not_sent;
    auto const event = next == PGRES_POLLING_READING ? SocketEvent::readable : SocketEvent::writable;
    if (!wait_for_socket(PQcancelSocket(request), event, deadline)) return given_up;
    next = PQcancelPoll(request);
    if (next == PGRES_POLLING_FAILED) return given_up;
  }
  return CancelOutcome::taken;
}

CancelOutcome send(CancelRequest *request, Deadline deadline) noexcept {
  auto const outcome = PQcancelStart(request) == 1 ? await_answer(request, deadline) : CancelOutcome::not_sent;
  PQcancelReset(request);  // ready for the next one
  return outcome;
}

#else

CancelRequest *make_request(PGconn *raw) noexcept { return PQgetCancel(raw); }

CancelOutcome send(CancelRequest *request, Deadline /*nothing bounds PQcancel*/) noexcept {
  std::array<char, 256> message{};
  return PQcancel(request, message.data(), message.size()) == 1 ? CancelOutcome::taken : CancelOutcome::not_sent;
}

// The program's signals are not for this thread to take; and PQcancel does not guard itself against SIGPIPE.
void block_signals() noexcept {
  sigset_t all{};
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

#endif

}  // namespace

void FreeCancelRequest::operator()(CancelRequest *request) const noexcept {
#if defined(LIBPQ_HAS_ASYNC_CANCEL)
  PQcancelFinish(request);
#else
  PQfreeCancel(request);
#endif
}

std::shared_ptr<CancelKey> CancelKey::make(PGconn *raw) noexcept {
  std::unique_ptr<CancelRequest, FreeCancelRequest> request{make_request(raw)};
  if (!request) return nullptr;
  try {
    return std::make_shared<CancelKey>(Private{}, std::move(request));
  } catch (std::bad_alloc const &) {
    return nullptr;
  }
}

bool CancelKey::revoke(Deadline deadline) noexcept {
  if (!gate_.close(deadline)) return false;
  request_.reset();  // from libpq 17 on it holds the connection string
  return true;
}

bool CancelKey::send_and_leave(Deadline deadline) noexcept {
  auto const outcome = send(request_.get(), deadline);
  bool const taken = outcome == CancelOutcome::taken;
  if (taken) taken_.fetch_add(1, std::memory_order_relaxed);
  gate_.leave(outcome);
  return taken;
}

#if defined(LIBPQ_HAS_ASYNC_CANCEL)

bool CancelKey::cancel(Deadline deadline) noexcept {
  return !birth_.is_another() && !deadline.passed() && gate_.enter(deadline) && send_and_leave(deadline);
}

#else

// Before libpq 17 there is only PQcancel, which waits for the server without a time-out. It runs in a thread that owns
// all it needs, and is left behind if the server does not answer: it leaves the gate when it is through.
bool CancelKey::cancel(Deadline deadline) noexcept {
  if (birth_.is_another() || deadline.passed() || !gate_.enter(deadline)) return false;
  std::future<bool> taken;
  try {
    std::packaged_task<bool()> task{[key = shared_from_this(), deadline] {
      block_signals();
      return key->send_and_leave(deadline);
    }};
    taken = task.get_future();
    std::thread{std::move(task)}.detach();
  } catch (...) {
    gate_.leave(CancelOutcome::not_sent);  // no memory or no thread for it
    return false;
  }
  if (!deadline.is_never() && taken.wait_until(deadline.when()) != std::future_status::ready) return false;
  return taken.get();
}

#endif

}  // namespace pqlease::detail
