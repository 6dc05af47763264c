#include "detail/statement_book.hpp"

#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <utility>

namespace pqlease::detail {
namespace {

void require_sendable(std::string const &name, std::string const &sql) {
  if (name.empty()) throw UsageError{"a statement to prepare needs a name"};
  bool const cut_short = name.find('\0') != std::string::npos || sql.find('\0') != std::string::npos;
  if (cut_short) throw UsageError{"a statement to prepare, or its name, has a NUL character in it"};
}

StatementBook::Entry const *after(StatementBook::Entry const *entry) noexcept {
  return entry->next.load(std::memory_order_acquire);
}

}  // namespace

StatementBook::~StatementBook() {
  for (auto const *entry = first(); entry != nullptr;) delete std::exchange(entry, after(entry));
}

void StatementBook::add(std::string name, std::string sql) {
  require_sendable(name, sql);
  MutexLock const lock{mutex_};
  for (auto const *entry = first(); entry != nullptr; entry = after(entry)) {
    if (entry->name != name) continue;
    if (entry->sql == sql) return;
    throw UsageError{fmt::format("the name \"{}\" stands for another prepared statement already", name)};
  }
  append(std::move(name), std::move(sql));
}

void StatementBook::copy(StatementBook const &other) {
  MutexLock const lock{mutex_};
  for (auto const *entry = other.first(); entry != nullptr; entry = after(entry)) append(entry->name, entry->sql);
}

void StatementBook::append(std::string name, std::string sql) {
  auto entry = std::make_unique<Entry>();
  entry->name = std::move(name);
  entry->sql = std::move(sql);
  auto *const added = entry.release();
  (last_ == nullptr ? first_ : last_->next).store(added, std::memory_order_release);
  last_ = added;
  size_.fetch_add(1, std::memory_order_release);
}

}  // namespace pqlease::detail
