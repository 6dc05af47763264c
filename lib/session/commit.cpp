#include "session/commit.hpp"

#include "session/result.hpp"

#include <pqxx/except>

#include <algorithm>
#include <array>
#include <string_view>

namespace pqlease::detail {
namespace {

/// An ordinary error in a session that goes on: what libpq calls fatal is any error at all.
bool is_refusal(PGconn const *raw, PGresult const *result) noexcept {
  return PQstatus(raw) == CONNECTION_OK && PQtransactionStatus(raw) == PQTRANS_IDLE &&
         error_field(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "ERROR" &&
         !error_field(result, PG_DIAG_SQLSTATE).empty();
}

using Throw = void (*)(CommitResult const &, std::string const &sql);

template <class Exception> void raise(CommitResult const &refused, std::string const &sql) {
  throw Exception{refused.message, sql, refused.sqlstate.c_str()};
}

struct Mapping {
  std::string_view prefix;
  Throw raise;
};

// As in libpqxx's result::throw_sql_error, which is private; the first that fits. What can befall a COMMIT: a conflict,
// a deferred constraint, whatever a deferred trigger raises, and a server at its limits.
constexpr std::array mappings{
    Mapping{"0A", raise<pqxx::feature_not_supported>},
    Mapping{"22", raise<pqxx::data_exception>},
    Mapping{"23001", raise<pqxx::restrict_violation>},
    Mapping{"23502", raise<pqxx::not_null_violation>},
    Mapping{"23503", raise<pqxx::foreign_key_violation>},
    Mapping{"23505", raise<pqxx::unique_violation>},
    Mapping{"23514", raise<pqxx::check_violation>},
    Mapping{"23", raise<pqxx::integrity_constraint_violation>},
    Mapping{"40000", raise<pqxx::transaction_rollback>},
    Mapping{"40001", raise<pqxx::serialization_failure>},
    Mapping{"40P01", raise<pqxx::deadlock_detected>},
    Mapping{"42501", raise<pqxx::insufficient_privilege>},
    Mapping{"42703", raise<pqxx::undefined_column>},
    Mapping{"42883", raise<pqxx::undefined_function>},
    Mapping{"42P01", raise<pqxx::undefined_table>},
    Mapping{"53100", raise<pqxx::disk_full>},
    Mapping{"53", raise<pqxx::insufficient_resources>},
    Mapping{"P0001", raise<pqxx::plpgsql_raise>},
    Mapping{"P0002", raise<pqxx::plpgsql_no_data_found>},
    Mapping{"P0003", raise<pqxx::plpgsql_too_many_rows>},
    Mapping{"P0", raise<pqxx::plpgsql_error>},
    Mapping{"", raise<pqxx::sql_error>},
};

}  // namespace

bool execute(PGconn *raw, char const *sql) noexcept {
  Result const result{PQexec(raw, sql)};
  return PQresultStatus(result.get()) == PGRES_COMMAND_OK;
}

CommitResult send_commit(PGconn *raw) {
  Result const result{PQexec(raw, "COMMIT")};
  if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
    bool const committed = std::string_view{PQcmdStatus(result.get())} == "COMMIT";
    return {.answer = committed ? CommitAnswer::committed : CommitAnswer::rolled_back};
  }
  if (is_refusal(raw, result.get())) {
    return {.answer = CommitAnswer::refused,
            .message = PQresultErrorMessage(result.get()),
            .sqlstate = std::string{error_field(result.get(), PG_DIAG_SQLSTATE)}};
  }
  return {.answer = CommitAnswer::lost};  // nothing here may fail: it would look like a refusal
}

void throw_sql_error(CommitResult const &refused, char const *sql) {
  auto const *const found = std::ranges::find_if(
      mappings, [&](Mapping const &mapping) { return refused.sqlstate.starts_with(mapping.prefix); });
  found->raise(refused, sql);
  throw pqxx::sql_error{refused.message, sql, refused.sqlstate.c_str()};  // not reached: the last one fits all
}

}  // namespace pqlease::detail
