#pragma once

#include <libpq-fe.h>

#include <string>

namespace pqlease::detail {

/// What is known of a COMMIT once it was sent.
enum class CommitAnswer {
  committed,    ///< the server says so
  rolled_back,  ///< the server carried out a ROLLBACK instead
  refused,      ///< an error: the transaction was rolled back
  lost,         ///< the session was lost, and nobody knows
};

struct CommitResult {
  CommitAnswer answer{CommitAnswer::lost};
  std::string message{};   ///< of a refusal
  std::string sqlstate{};  ///< the same
};

/// Carries out one command that returns no rows, as PQexec does.
///
/// Blocking: until the server has answered.
/// Returns: whether it was carried out.
[[nodiscard]] bool execute(PGconn *raw, char const *sql) noexcept;

/// Sends COMMIT, and reads the answer to the letter: a failed transaction is answered ROLLBACK, with success
/// (PostgreSQL, reference of COMMIT; libpq, PQcmdStatus). An error that ends the session, too, leaves open what became
/// of it.
///
/// Blocking: until the server has answered, or the session is lost.
[[nodiscard]] CommitResult send_commit(PGconn *raw);

/// Throws libpqxx's exception for an error of SQL, as its own functions do.
[[noreturn]] void throw_sql_error(CommitResult const &refused, char const *sql);

}  // namespace pqlease::detail
