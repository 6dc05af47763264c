#include "detail/block_text.hpp"

#include <algorithm>
#include <charconv>

namespace pqlease::detail {
namespace {

constexpr std::string_view savepoint = "pqlease_";
constexpr std::size_t seal = 0;

std::string_view text_of(IsolationLevel isolation) noexcept {
  switch (isolation) {
  case IsolationLevel::read_committed:
    return "ISOLATION LEVEL READ COMMITTED";
  case IsolationLevel::repeatable_read:
    return "ISOLATION LEVEL REPEATABLE READ";
  case IsolationLevel::serializable:
    break;
  }
  return "ISOLATION LEVEL SERIALIZABLE";
}

std::string_view text_of(AccessMode access) noexcept {
  return access == AccessMode::read_only ? "READ ONLY" : "READ WRITE";
}

/// The modes after `command`, parted by commas; nothing at all when none is set.
void append_modes(CommandText &text, std::string_view command, Characteristics const &wanted) noexcept {
  auto separator = command;
  auto const append = [&](std::string_view mode) {
    text << separator << " " << mode;
    separator = ",";
  };
  if (wanted.isolation) append(text_of(*wanted.isolation));
  if (wanted.access) append(text_of(*wanted.access));
  if (wanted.deferrable) append(*wanted.deferrable ? "DEFERRABLE" : "NOT DEFERRABLE");
}

bool only_reads(Characteristics const &wanted) noexcept { return wanted.access == AccessMode::read_only; }

/// What concerns the transaction as a whole.
Characteristics of_transaction(Characteristics wanted) noexcept {
  if (only_reads(wanted)) wanted.access.reset();
  return wanted;
}

}  // namespace

CommandText &CommandText::operator<<(std::string_view part) noexcept {
  auto const count = std::min(part.size(), capacity - length_);
  std::copy_n(part.begin(), count, text_.begin() + static_cast<std::ptrdiff_t>(length_));
  length_ += count;
  return *this;
}

CommandText &CommandText::operator<<(std::size_t number) noexcept {
  std::array<char, 24> digits{};
  auto *const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return *this << std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())};
}

CommandText begin_text(Characteristics const &wanted, ReadOnly read_only) noexcept {
  CommandText text;
  append_modes(text, "BEGIN", wanted);
  if (text.empty()) text << "BEGIN";
  if (read_only == ReadOnly::sealed) text << "; SAVEPOINT " << savepoint << seal;
  return text;
}

bool changes_transaction(Characteristics const &wanted) noexcept {
  auto const whole = of_transaction(wanted);
  return whole.isolation || whole.access || whole.deferrable;
}

CommandText enter_text(Characteristics const &wanted, std::size_t level, ReadOnly read_only) noexcept {
  CommandText text;
  bool const change = changes_transaction(wanted);
  if (change && read_only == ReadOnly::sealed) text << "RELEASE SAVEPOINT " << savepoint << seal << "; ";
  append_modes(text, "SET TRANSACTION", of_transaction(wanted));
  if (level > 0) text << (change ? "; " : "") << "SAVEPOINT " << savepoint << level;
  if (only_reads(wanted)) text << (text.empty() ? "" : "; ") << "SET TRANSACTION READ ONLY";
  return text;
}

CommandText release_text(std::size_t level) noexcept {
  CommandText text;
  text << "RELEASE SAVEPOINT " << savepoint << level;
  return text;
}

CommandText roll_back_text(std::size_t level) noexcept {
  CommandText text;
  text << "ROLLBACK TO SAVEPOINT " << savepoint << level << "; " << "RELEASE SAVEPOINT " << savepoint << level;
  return text;
}

}  // namespace pqlease::detail
