#pragma once

#include "support/fault_proxy.hpp"
#include <pqlease/atomic_options.hpp>

#include <pqxx/transaction_base>

namespace pqlease::testing {

/// Where a connection is cut while it commits.
struct CommitCut {
  enum class Where {
    question,  ///< before COMMIT reaches the server
    answer,    ///< after the server has committed, before its answer arrives
  };
  Where where;
  Ending ending;
};

/// At the end of a block: its COMMIT will be cut like that. With Outcome::resolve the block asks for its id before.
void cut_commit(FaultProxy &proxy, pqxx::transaction_base &tx, CommitCut cut, Outcome outcome);

}  // namespace pqlease::testing
