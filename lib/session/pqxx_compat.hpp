#pragma once

#include <libpq-fe.h>
#include <pqxx/connection>
#include <pqxx/dbtransaction>
#include <pqxx/version>

#include <string_view>

namespace pqlease::detail {

/// libpqxx 7.10 names libpq's PGconn by its C type, libpqxx 8 by a type of its own that stands for it.
[[nodiscard]] inline pqxx::connection adopt_handle(PGconn *raw) {
#if PQXX_VERSION_MAJOR >= 8
  return pqxx::connection::seize_raw_connection(reinterpret_cast<pqxx::internal::pq::PGconn *>(raw));
#else
  return pqxx::connection::seize_raw_connection(raw);
#endif
}

/// A pqxx::dbtransaction to derive from. libpqxx 8 passes source locations where libpqxx 7.10 passes nothing.
class TransactionBase : public pqxx::dbtransaction {
protected:
  explicit TransactionBase(pqxx::connection &connection) : pqxx::dbtransaction{connection} { register_transaction(); }

  /// Somebody has called commit() or, unless the transaction was unregistered by then, abort().
  virtual void commit_called() = 0;
  virtual void abort_called() = 0;

  /// Takes it off the connection's books. Calls abort_called() unless it is closed already.
  void unregister() noexcept { close(); }

#if PQXX_VERSION_MAJOR >= 8
  void send(std::string_view sql) { direct_exec(sql, pqxx::sl::current()); }

private:
  void do_commit(pqxx::sl) final { commit_called(); }
  void do_abort(pqxx::sl) final { abort_called(); }
#else
  void send(std::string_view sql) { direct_exec(sql); }

private:
  void do_commit() final { commit_called(); }
  void do_abort() final { abort_called(); }
#endif
};

}  // namespace pqlease::detail
