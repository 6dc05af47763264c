#pragma once

#include <pqlease/atomic_options.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace pqlease::detail {

/// What an atomic block asks of its transaction; what is unset is the session's default.
struct Characteristics {
  std::optional<IsolationLevel> isolation{};
  std::optional<AccessMode> access{};
  std::optional<bool> deferrable{};
};

/// A command, made without asking for memory. Long enough for whatever the functions below make.
class CommandText {
public:
  static constexpr std::size_t capacity = 255;

  CommandText &operator<<(std::string_view part) noexcept;
  CommandText &operator<<(std::size_t number) noexcept;

  [[nodiscard]] char const *c_str() const noexcept { return text_.data(); }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), length_}; }
  [[nodiscard]] bool empty() const noexcept { return length_ == 0; }

private:
  std::array<char, capacity + 1> text_{};
  std::size_t length_{0};
};

/// Whether a transaction of the server's keeps to being read-only, whatever SQL its user sends.
enum class ReadOnly {
  as_begun,  ///< until its user makes it writable, which works before the first query
  sealed,    ///< for good: a savepoint is set, which forbids that (PostgreSQL, reference of SET TRANSACTION)
};

/// BEGIN with its characteristics. Source: PostgreSQL, reference of BEGIN.
[[nodiscard]] CommandText begin_text(Characteristics const &wanted, ReadOnly read_only) noexcept;

/// What begins a block within a block. All but `access = read_only` concerns the transaction as a whole, so it goes
/// before the savepoint; a block that only reads does so until its savepoint is gone. Without a savepoint, `level` is
/// 0. A seal is broken when the transaction as a whole is to change. Empty when there is nothing to send.
[[nodiscard]] CommandText enter_text(Characteristics const &wanted, std::size_t level, ReadOnly read_only) noexcept;

/// Whether enter_text() breaks the seal.
[[nodiscard]] bool changes_transaction(Characteristics const &wanted) noexcept;

/// What ends a block with a savepoint.
[[nodiscard]] CommandText release_text(std::size_t level) noexcept;
[[nodiscard]] CommandText roll_back_text(std::size_t level) noexcept;

}  // namespace pqlease::detail
