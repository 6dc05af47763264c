#pragma once

#include "detail/cancel_gate.hpp"
#include "detail/deadline.hpp"
#include "detail/process_generation.hpp"

#include <libpq-fe.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace pqlease::detail {

#if defined(LIBPQ_HAS_ASYNC_CANCEL)  // libpq 17
using CancelRequest = PGcancelConn;
#else
using CancelRequest = PGcancel;
#endif

struct FreeCancelRequest {
  void operator()(CancelRequest *request) const noexcept;
};

/// What it takes to cancel the statement that a session runs, with no need of the session's handle.
///
/// Thread safety: every member from any thread, but for those that say otherwise.
class CancelKey : public std::enable_shared_from_this<CancelKey> {
  struct Private {};

public:
  /// By the holder of the session, since it reads the handle. Null when the server gave no key, or memory ran out.
  [[nodiscard]] static std::shared_ptr<CancelKey> make(PGconn *raw) noexcept;

  CancelKey(Private /*only make() has one*/, std::unique_ptr<CancelRequest, FreeCancelRequest> request) noexcept
      : request_{std::move(request)} {}

  /// Asks the server to cancel what the session is doing, over a connection of its own; after other requests with this
  /// key. Does nothing in a child process that has inherited it.
  ///
  /// Blocking: until `deadline`.
  /// Returns: whether the server has taken the request. If not, a request may still be under way, and revoke() tells.
  [[nodiscard]] bool cancel(Deadline deadline) noexcept;

  /// Makes the key useless, for good.
  ///
  /// Blocking: until `deadline`, for a request that is under way.
  /// Returns: whether no request can arrive any more. If not, the session must not be used any more.
  [[nodiscard]] bool revoke(Deadline deadline) noexcept;

  /// How many requests the server has taken.
  [[nodiscard]] std::uint64_t requests_taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

  /// As CancelGate::suspend() and resume().
  [[nodiscard]] bool suspend(Deadline deadline) noexcept { return gate_.suspend(deadline); }
  void resume() noexcept { gate_.resume(); }

private:
  [[nodiscard]] bool send_and_leave(Deadline deadline) noexcept;

  std::unique_ptr<CancelRequest, FreeCancelRequest> request_;  // used by the one whom the gate has admitted
  CancelGate gate_;
  std::atomic<std::uint64_t> taken_{0};
  BirthProcess const birth_{};
};

}  // namespace pqlease::detail
