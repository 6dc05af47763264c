#pragma once

#include <pqlease/export.hpp>
#include <pqlease/lease.hpp>

#include <pqxx/connection>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace pqlease {

namespace detail {

/// Says which session something was made in; at first, none.
class PQLEASE_API SessionMark {
public:
  /// Whether it was the lease's session, and that one is not known to be lost.
  /// Throws: UsageError when the lease is empty, of another manager than the one before, or of one that has no session
  ///         of its own (Pooling::transaction).
  [[nodiscard]] bool is_of(Lease const &lease) const;

  /// Forgets the session. Throws: UsageError in the midst of a transaction.
  void begin(Lease const &lease);

  /// Marks the lease's session. Throws: UsageError when something was left in progress.
  void finish(Lease const &lease);

  void forget() noexcept { epoch_ = 0; }

private:
  std::uint64_t manager_{0};
  std::uint64_t epoch_{0};
};

}  // namespace detail

/// A value that belongs to a session, such as the knowledge that it holds an advisory lock or has a temporary table; it
/// is made again, by its factory, in each session (epoch) in which it is asked for.
///
/// It is made outside of any transaction, with which it could be rolled back. What it stands for must last as long as
/// the session does; who ends it earlier, as DISCARD ALL would, calls reset().
///
/// Thread safety: threads may share one; whoever holds the manager's lease may use it, which every member demands to
///                see.
/// Lifetime: the first manager whose lease it sees is the only one that it serves, also in a child process, where the
///           value is made again. A value is destroyed by the next get() or reset(), or with this object: its session
///           may be long gone, and is never its own to use then, so a destructor that needs one is a mistake. Nothing
///           is undone on the server.
template <std::move_constructible T> class SessionState {
public:
  /// Makes the value; it must leave nothing in progress.
  using Factory = std::function<T(pqxx::connection &)>;

  explicit SessionState(Factory factory) : factory_{std::move(factory)} {}
  SessionState(SessionState const &) = delete;
  SessionState &operator=(SessionState const &) = delete;
  ~SessionState() = default;

  /// The value of the lease's session, for the time of the lease.
  ///
  /// Blocking: for as long as the factory does, if it has to make the value; else there is no I/O.
  /// Throws: what the factory throws, and there is no value then: the next call tries again. UsageError when the lease
  ///         is empty or of another manager; when the value would have to be made in the midst of a transaction, or the
  ///         factory leaves one open; with Pooling::transaction.
  [[nodiscard]] T &get(Lease &lease) {
    if (!is_current(lease)) make(lease);
    return *value_;
  }

  /// Whether get() would return at once: there is a value, and its session is not known to be lost. No I/O.
  /// Throws: UsageError when the lease is empty or of another manager; with Pooling::transaction.
  [[nodiscard]] bool is_current(Lease const &lease) const {
    bool const same = mark_.is_of(lease);
    return same && value_.has_value();
  }

  /// Drops the value; the next get() makes another. Throws: as is_current().
  void reset(Lease const &lease) {
    static_cast<void>(mark_.is_of(lease));
    mark_.forget();
    value_.reset();
  }

private:
  void make(Lease &lease) {
    mark_.begin(lease);
    value_.reset();
    value_.emplace(factory_(*lease));
    mark_.finish(lease);
  }

  Factory factory_;
  std::optional<T> value_{};
  detail::SessionMark mark_{};
};

template <class F> SessionState(F) -> SessionState<std::remove_cvref_t<std::invoke_result_t<F &, pqxx::connection &>>>;

}  // namespace pqlease
