#pragma once

#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pqlease::stress {

/// What a worker knows of one of its transfers.
enum class Outcome : std::uint8_t {
  rolled_back,  ///< its COMMIT was never sent
  unknown,      ///< the connection was lost while COMMIT was under way
  committed,    ///< acknowledged
};

/// The transfers of one worker, by their number; used by that worker only until it has ended.
class Record {
public:
  explicit Record(std::size_t worker) : first_id_{static_cast<std::int64_t>(worker) << 40U} {}

  /// A new transfer, rolled back until more is known. Returns its id.
  [[nodiscard]] std::int64_t begin();

  /// What has become of the last one.
  void set(Outcome outcome) { outcomes_.back() = outcome; }

  [[nodiscard]] std::int64_t first_id() const noexcept { return first_id_; }
  [[nodiscard]] std::vector<Outcome> const &outcomes() const noexcept { return outcomes_; }

private:
  std::int64_t first_id_;
  std::vector<Outcome> outcomes_{};
};

/// A movement of money between two accounts.
struct Transfer {
  std::int64_t id;
  int from;
  int to;
  int amount;
};

// The accounts, and the book of every transfer. Without a unique index: a transfer that came twice must show.

inline constexpr int account_count = 50;

/// Creates the tables.
void create_ledger(pqxx::connection &connection);

/// Prepares the statements of book(): for Options::on_open.
void prepare_statements(pqxx::connection &connection);

/// Moves the money and enters it into the book, in the caller's transaction.
void book(pqxx::transaction_base &transaction, Transfer const &transfer);

/// The same as three plain statements.
[[nodiscard]] std::string plain_statements(Transfer const &transfer);

/// What the books say in the end.
struct Audit {
  std::size_t committed{};       ///< acknowledged
  std::size_t lost{};            ///< of these, not in the book
  std::size_t rolled_back{};     ///< reported as rolled back
  std::size_t undead{};          ///< of these, in the book
  std::size_t unknown{};         ///< lost during COMMIT
  std::size_t unknown_booked{};  ///< of these, in the book
  std::size_t repeated{};        ///< in the book more than once
  std::size_t foreign{};         ///< in the book, but nobody's
  std::int64_t sum{};            ///< over all accounts; it began with zero
  std::size_t unbalanced{};      ///< accounts whose balance is not that of the book
};

[[nodiscard]] Audit audit(pqxx::connection &connection, std::vector<Record> const &records);

}  // namespace pqlease::stress
