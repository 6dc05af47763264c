#pragma once

#include <libpq-fe.h>

#include <memory>

namespace pqlease::detail {

struct FinishHandle {
  void operator()(PGconn *raw) const noexcept { PQfinish(raw); }
};

/// A libpq connection that no pqxx::connection owns yet.
using Handle = std::unique_ptr<PGconn, FinishHandle>;

}  // namespace pqlease::detail
