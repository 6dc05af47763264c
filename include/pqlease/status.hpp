#pragma once

#include <pqlease/export.hpp>

#include <iosfwd>
#include <string_view>

namespace pqlease {

/// What a session is doing, after libpq's PQtransactionStatus, with two states that only a manager knows.
enum class Status {
  closed,          ///< no session: never opened, closed, or found dead
  idle,            ///< open, outside any transaction
  active,          ///< a command, a COPY or an unread result is in progress
  in_transaction,  ///< in a valid transaction block
  in_error,        ///< in a failed transaction block: only ROLLBACK is accepted
  unknown,         ///< the connection is broken
  leased,          ///< another thread holds the lease, so nobody else may look
};

/// The enumerator's own name. Thread safety: any thread.
[[nodiscard]] PQLEASE_API std::string_view to_string(Status status) noexcept;

PQLEASE_API std::ostream &operator<<(std::ostream &out, Status status);

}  // namespace pqlease
