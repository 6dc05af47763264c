#pragma once

#include <libpq-fe.h>

#include <memory>

namespace pqlease::detail {

struct ClearResult {
  void operator()(PGresult *result) const noexcept { PQclear(result); }
};

/// What libpq says of one statement.
using Result = std::unique_ptr<PGresult, ClearResult>;

}  // namespace pqlease::detail
