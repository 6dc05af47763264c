#pragma once

#include "detail/mutex.hpp"

#include <atomic>
#include <cstddef>
#include <string>

namespace pqlease::detail {

/// The statements that every session of a manager is to know, in order of registration. It only grows.
///
/// Thread safety: any thread. Entries never move or change, so that who reads them needs no lock; not even in a child
/// process made by fork(), where the lock may be held for ever.
class StatementBook {
public:
  struct Entry {
    std::string name;
    std::string sql;
    std::atomic<Entry const *> next{nullptr};
  };

  StatementBook() = default;
  StatementBook(StatementBook const &) = delete;
  StatementBook &operator=(StatementBook const &) = delete;
  ~StatementBook();

  /// Does nothing when the same statement is there already.
  /// Throws: UsageError for an empty name, a NUL character, or a name that stands for another statement.
  void add(std::string name, std::string sql);

  /// Takes over what another book has. This one must be empty.
  void copy(StatementBook const &other);

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

  /// The first entry; the others follow by Entry::next. Null when there is none.
  [[nodiscard]] Entry const *first() const noexcept { return first_.load(std::memory_order_acquire); }

private:
  void append(std::string name, std::string sql) PQLEASE_REQUIRES(mutex_);

  std::atomic<Entry const *> first_{nullptr};
  std::atomic<std::size_t> size_{0};  // changes after the entry is in place

  // Guards who may append. Forbidden under it: I/O, logging, callbacks.
  Mutex mutex_;
  Entry *last_ PQLEASE_GUARDED_BY(mutex_){nullptr};
};

}  // namespace pqlease::detail
