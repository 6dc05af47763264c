#pragma once

#include <libpq-fe.h>
#include <pqxx/connection>
#include <pqxx/version>

namespace pqlease::detail {

/// libpqxx 7.10 names libpq's PGconn by its C type, libpqxx 8 by a type of its own that stands for it.
[[nodiscard]] inline pqxx::connection adopt_handle(PGconn *raw) {
#if PQXX_VERSION_MAJOR >= 8
  return pqxx::connection::seize_raw_connection(reinterpret_cast<pqxx::internal::pq::PGconn *>(raw));
#else
  return pqxx::connection::seize_raw_connection(raw);
#endif
}

}  // namespace pqlease::detail
