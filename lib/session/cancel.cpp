#include "session/cancel.hpp"

#include "session/socket.hpp"

#include <memory>

#if !defined(LIBPQ_HAS_ASYNC_CANCEL)
#include <array>
#include <future>
#include <thread>
#endif

namespace pqlease::detail {

#if defined(LIBPQ_HAS_ASYNC_CANCEL)  // libpq 17

namespace {

struct FinishCancel {
  void operator()(PGcancelConn *request) const noexcept { PQcancelFinish(request); }
};

}  // namespace

bool request_cancel(PGconn *raw, Deadline deadline) noexcept {
  std::unique_ptr<PGcancelConn, FinishCancel> const request{PQcancelCreate(raw)};
  if (!request || PQcancelStart(request.get()) == 0) return false;
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK; next = PQcancelPoll(request.get())) {
    if (next == PGRES_POLLING_FAILED) return false;
    auto const event = next == PGRES_POLLING_READING ? SocketEvent::readable : SocketEvent::writable;
    if (!wait_for_socket(PQcancelSocket(request.get()), event, deadline)) return false;
  }
  return true;
}

#else

namespace {

struct FreeCancel {
  void operator()(PGcancel *request) const noexcept { PQfreeCancel(request); }
};

}  // namespace

// Before libpq 17 there is only PQcancel, which waits for the server without a time-out. It runs in a thread that owns
// all it needs, and is left behind if the server does not answer; the caller then closes the session, so that a request
// that arrives late finds nothing to cancel.
bool request_cancel(PGconn *raw, Deadline deadline) noexcept {
  try {
    std::unique_ptr<PGcancel, FreeCancel> request{PQgetCancel(raw)};
    if (!request) return false;
    std::packaged_task<bool()> task{[request = std::move(request)] {
      std::array<char, 256> message{};
      return PQcancel(request.get(), message.data(), message.size()) == 1;
    }};
    auto taken = task.get_future();
    std::thread{std::move(task)}.detach();
    if (deadline.is_never()) return taken.get();
    return taken.wait_until(deadline.when()) == std::future_status::ready && taken.get();
  } catch (...) {
    return false;  // no memory or no thread for it
  }
}

#endif

}  // namespace pqlease::detail
