#pragma once

#include <pqlease/pqlease.hpp>

#include <cstdint>
#include <string>

/// What the demonstration does in the database: accounts, and a ledger with one entry for each transfer.
class Bank {
public:
  static constexpr int accounts = 8;
  static constexpr std::int64_t cents_each = 100'000;

  explicit Bank(pqlease::ManagedConnection &manager) : manager_{manager} {}

  /// Makes the tables anew.
  void set_up();

  /// Moves one cent from one account to another, and notes it in the ledger under `id`.
  void transfer(std::string const &id, int from, int to);

  /// Begins a transfer and forgets about it: the lease ends in the middle of its transaction.
  void forget(int from);

  /// Whether the transfer took place: asked when the connection was lost in the middle of its COMMIT.
  [[nodiscard]] bool has_transfer(std::string const &id);

  [[nodiscard]] std::int64_t total();
  [[nodiscard]] std::int64_t ledger_entries();

  void tear_down();

private:
  pqlease::ManagedConnection &manager_;
};
