#pragma once

#include <pqlease/jitter.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace pqlease {

/// What a transaction sees of others. Source: PostgreSQL, chapter "Concurrency Control", "Transaction Isolation".
enum class IsolationLevel {
  read_committed,
  repeatable_read,
  serializable,
};

/// Whether a transaction may write.
enum class AccessMode {
  read_write,
  read_only,
};

/// What a block does when its session is lost while COMMIT is under way, so that nobody knows whether it was committed.
enum class Outcome {
  report,   ///< throws OutcomeUnknown
  resolve,  ///< finds out: costs a round trip before COMMIT, none in a block that begins read-only; and one more before
            ///< the first block with it, of whatever kind, of each session
};

/// When a block that failed is run again, as a whole, in a new transaction. The delay before the n-th retry is
/// initial_delay * factor^(n-1), at most max_delay, and then jittered; the lease is free meanwhile.
struct RetryPolicy {
  /// How often the block is run at the most. 1: once, there is no retry. Range: from 1.
  std::size_t max_attempts{1};

  /// The longest delay before the first retry. 0: none; then the other delays are zero, too.
  std::chrono::milliseconds initial_delay{10};

  /// By how much each delay is longer than the one before. Range: 1 to 100.
  double factor{2.0};

  /// The longest delay. Range: from initial_delay to 24 hours.
  std::chrono::milliseconds max_delay{1'000};

  Jitter jitter{Jitter::full};

  /// No attempt starts later than this after the first one did. 0: no bound.
  std::chrono::milliseconds timeout{0};

  /// The errors that a new attempt may not meet again: serialization failure and deadlock. Source: PostgreSQL, chapter
  /// "Concurrency Control", "Serialization Failure Handling".
  std::vector<std::string> sqlstates{"40001", "40P01"};

  /// Whether a block is run again when its session was lost before COMMIT was sent: it is certain then that the
  /// transaction was rolled back. What the block did outside of the database is done twice.
  bool on_disconnect{false};
};

/// How a block is run by ManagedConnection::atomic(). Unset characteristics are the session's defaults; those that are
/// set go out with BEGIN itself. A value out of range is an InvalidOption.
struct AtomicOptions {
  std::optional<IsolationLevel> isolation{};
  std::optional<AccessMode> access{};

  /// Whether a serializable, read-only transaction waits for a moment at which it cannot fail. Without effect on
  /// others.
  std::optional<bool> deferrable{};

  /// In a block within a block: true for a savepoint, so that what is inside can fail on its own; false to be a part of
  /// the block around it, which can then only roll back when an exception leaves this one.
  bool savepoint{true};

  /// True refuses, with UsageError, to run within another block: what is committed here is there to stay.
  bool durable{false};

  RetryPolicy retry{};

  /// How long each attempt waits for the lease, opening and probe included. Unset: Options::lease_timeout. 0: one try
  /// without waiting.
  std::optional<std::chrono::milliseconds> lease_timeout{};

  Outcome outcome{Outcome::report};

  /// How long an outcome may take to resolve, from the loss of the session on; past it OutcomeUnknown is thrown.
  /// Range: from 1 ms to 24 hours.
  std::chrono::milliseconds resolve_timeout{30'000};

  /// Ends the waiting when it is triggered: for the lease (LeaseCancelled), and between two attempts, where the last
  /// failure then comes through. It does not interrupt the block.
  std::stop_token stop{};
};

/// The same for ManagedConnection::begin(), where nothing can be run again. The fields mean what they mean in
/// AtomicOptions.
struct BeginOptions {
  std::optional<IsolationLevel> isolation{};
  std::optional<AccessMode> access{};
  std::optional<bool> deferrable{};
  bool savepoint{true};
  bool durable{false};
  std::optional<std::chrono::milliseconds> lease_timeout{};
  Outcome outcome{Outcome::report};
  std::chrono::milliseconds resolve_timeout{30'000};
  std::stop_token stop{};
};

}  // namespace pqlease
