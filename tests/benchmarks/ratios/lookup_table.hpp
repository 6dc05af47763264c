#pragma once

#include <pqxx/connection>
#include <pqxx/transaction_base>

#include <string>

namespace pqlease::benchmarks {

/// How a SELECT gets to the server.
enum class Statement {
  prepared,  ///< parsed once for each session; see LookupTable::prepare()
  ad_hoc,    ///< parsed each time
};

/// A table of a thousand rows, each found by its key in one SELECT.
class LookupTable {
public:
  static constexpr int rows = 1000;

  explicit LookupTable(std::string conninfo);
  LookupTable(LookupTable const &) = delete;
  LookupTable &operator=(LookupTable const &) = delete;
  ~LookupTable();

  [[nodiscard]] std::string const &conninfo() const noexcept { return conninfo_; }

  /// Makes Statement::prepared known to a session.
  void prepare(pqxx::connection &connection) const;

  /// One round trip. Throws: std::logic_error for a wrong answer.
  void find(pqxx::transaction_base &transaction, Statement statement, int key) const;

private:
  std::string conninfo_;
  std::string name_;
  std::string select_;
};

}  // namespace pqlease::benchmarks
