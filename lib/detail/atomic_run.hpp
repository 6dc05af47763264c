#pragma once

#include "detail/block_request.hpp"
#include "detail/retry_schedule.hpp"
#include <pqlease/atomic_options.hpp>
#include <pqlease/block_body.hpp>

#include <exception>
#include <source_location>
#include <string>

namespace pqlease::detail {

class Manager;

/// How an outermost block ended, its lease given back.
struct BlockEnd {
  std::exception_ptr error{};  ///< null: it was committed
  Failure failure{Failure::final};
  std::string sqlstate{};
};

/// Runs a block, again and again if need be. Throws: as ManagedConnection::atomic().
void run_atomic(Manager &manager, AtomicOptions const &options, std::source_location where, BlockBody const &body);

/// Takes the lease and begins an outermost block. Throws: as ManagedConnection::begin(); then nothing is held.
void open_block(Manager &manager, BlockRequest const &request);

/// Commits the outermost block, gives the lease back, finds out what became of a lost COMMIT, and calls what waits for
/// one that worked.
[[nodiscard]] BlockEnd commit_block(Manager &manager);

/// Rolls it back because of an exception, or because its user wants it so, and gives the lease back.
BlockEnd abandon_block(Manager &manager, std::exception_ptr const &error) noexcept;

/// Gives the lease back with the block still in progress. Throws: UncommittedTransaction, OutcomeUnknown when the
/// transaction was ended by SQL.
void leak_block(Manager &manager);

}  // namespace pqlease::detail
