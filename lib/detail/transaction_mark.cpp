#include "detail/transaction_mark.hpp"

#include <spdlog/fmt/fmt.h>

#include <string_view>

namespace pqlease::detail {
namespace {

constexpr auto *with_positions_question =
    "SELECT pg_current_xact_id_if_assigned(), CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_insert_lsn() "
    "END, pg_last_wal_replay_lsn(), "
    "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint";

std::string literal_of(std::string_view value) {
  return value.empty() ? std::string{"NULL"} : fmt::format("'{}'", value);
}

}  // namespace

char const *mark_question(bool with_positions) noexcept {
  return with_positions ? with_positions_question : "SELECT pg_current_xact_id_if_assigned(), NULL, NULL, NULL";
}

// Outside a transaction, where nobody has an id.
char const *positions_question() noexcept { return with_positions_question; }

std::string fate_question(TransactionMark const &mark) {
  if (mark.written_to.empty()) {
    return fmt::format("SELECT CASE WHEN pg_is_in_recovery() THEN 'in progress' ELSE pg_xact_status('{}'::xid8) END",
                       mark.id);
  }
  return fmt::format(
      "SELECT CASE WHEN pg_is_in_recovery() THEN 'in progress' "
      "WHEN recovered_to < '{}'::pg_lsn AND (recovered_to IS DISTINCT FROM {}::pg_lsn OR "
      "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint IS DISTINCT FROM {}::bigint) THEN 'aborted' "
      "ELSE pg_xact_status('{}'::xid8) END FROM pg_last_wal_replay_lsn() AS recovered_to",
      mark.written_to, literal_of(mark.recovered_to), literal_of(mark.started_at), mark.id);
}

}  // namespace pqlease::detail
