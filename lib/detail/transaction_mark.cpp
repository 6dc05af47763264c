#include "detail/transaction_mark.hpp"

#include <spdlog/fmt/fmt.h>

#include <string_view>

namespace pqlease::detail {
namespace {

std::string literal_of(std::string_view position) {
  return position.empty() ? std::string{"NULL"} : fmt::format("'{}'", position);
}

}  // namespace

char const *mark_question(bool with_positions) noexcept {
  return with_positions
             ? "SELECT pg_current_xact_id_if_assigned(), pg_current_wal_insert_lsn(), pg_last_wal_replay_lsn()"
             : "SELECT pg_current_xact_id_if_assigned(), NULL, NULL";
}

char const *positions_question() noexcept { return "SELECT pg_current_wal_insert_lsn(), pg_last_wal_replay_lsn()"; }

std::string fate_question(TransactionMark const &mark) {
  if (mark.written_to.empty()) return fmt::format("SELECT pg_xact_status('{}'::xid8)", mark.id);
  return fmt::format(
      "SELECT CASE WHEN recovered_to IS DISTINCT FROM {}::pg_lsn AND recovered_to < '{}'::pg_lsn THEN 'aborted' "
      "ELSE pg_xact_status('{}'::xid8) END FROM pg_last_wal_replay_lsn() AS recovered_to",
      literal_of(mark.recovered_to), mark.written_to, mark.id);
}

}  // namespace pqlease::detail
