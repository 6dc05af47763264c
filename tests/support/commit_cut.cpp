#include "support/commit_cut.hpp"

#include <cstdint>

namespace pqlease::testing {
namespace {

/// A position in the WAL may have grown by a digit or two until the block asks.
constexpr std::uint64_t past_answer = 4;

/// How long the block's question for its mark will be, and the answer: about as long as for the same question now.
ProxyCounts bytes_of_question(FaultProxy &proxy, pqxx::transaction_base &tx) {
  auto counts = proxy.settled_counts();
  auto const before = counts;
  tx.exec("SELECT pg_current_xact_id_if_assigned(), CASE WHEN pg_is_in_recovery() THEN NULL ELSE "
          "pg_current_wal_insert_lsn() "
          "END, pg_last_wal_replay_lsn(), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint");
  counts = proxy.settled_counts();
  counts.from_client -= before.from_client;
  counts.from_server -= before.from_server;
  return counts;
}

}  // namespace

void cut_commit(FaultProxy &proxy, pqxx::transaction_base &tx, CommitCut cut, Outcome outcome) {
  bool const before_commit = cut.where == CommitCut::Where::question;
  auto const direction = before_commit ? Direction::to_server : Direction::to_client;
  if (outcome == Outcome::report) return proxy.cut_after(direction, 0, cut.ending);
  // In the middle of COMMIT itself, or of the answer to it.
  auto const asked = bytes_of_question(proxy, tx);
  proxy.cut_after(direction, before_commit ? asked.from_client + 1 : asked.from_server + past_answer, cut.ending);
}

}  // namespace pqlease::testing
