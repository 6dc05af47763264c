#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string_view>

namespace pqlease::detail {

struct ClearResult {
  void operator()(PGresult *result) const noexcept { PQclear(result); }
};

/// What libpq says of one statement.
using Result = std::unique_ptr<PGresult, ClearResult>;

/// A field of an error, by its PG_DIAG_ code; empty when the server has not sent it (libpq, PQresultErrorField).
[[nodiscard]] inline std::string_view error_field(PGresult const *result, int code) noexcept {
  auto const *const text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view{} : text;
}

}  // namespace pqlease::detail
