#pragma once

#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <cstdint>
#include <optional>

//! [leadership]
/// Whether this daemon is the one that leads: its session holds an advisory lock. All its threads share one of these.
class Leadership {
public:
  /// Once for each database.
  static void set_up(pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("CREATE TABLE leader_term AS SELECT 0::bigint AS term");
    transaction.commit();
  }

  /// The number of this daemon's term, or nothing while another daemon leads. To be asked before each act, in the very
  /// lease of the act: another lease may have another session.
  std::optional<std::int64_t> term(pqlease::Lease &lease) {
    auto &term = term_.get(lease);
    if (!term) term = stand_for_election(*lease);
    return term;
  }

private:
  static constexpr std::int64_t lock = 42;  // the same in all daemons, and nothing else in this database

  static std::optional<std::int64_t> stand_for_election(pqxx::connection &connection) {
    pqxx::work transaction{connection};
    // Not asked for by who has it: the server counts, and each lock would want an unlock.
    if (!transaction.query_value<bool>("SELECT pg_try_advisory_lock(" + std::to_string(lock) + ")"))
      return std::nullopt;
    auto const term = transaction.query_value<std::int64_t>("UPDATE leader_term SET term = term + 1 RETURNING term");
    transaction.commit();
    return term;
  }

  // Nobody is elected in a session that has just begun.
  pqlease::SessionState<std::optional<std::int64_t>> term_{
      [](pqxx::connection &) { return std::optional<std::int64_t>{}; }};
};
//! [leadership]
