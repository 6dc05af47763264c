#pragma once

#include <pqxx/transaction_base>

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace pqlease::detail {

/// Refers to what ManagedConnection::atomic() is to run, whatever its type; owns nothing.
class BlockBody {
public:
  template <class F>
  explicit BlockBody(F &f) noexcept
      : object_{const_cast<void *>(static_cast<void const *>(std::addressof(f)))},  // NOLINT: called as what it is
        call_{[](void *object, pqxx::transaction_base &transaction) { (*static_cast<F *>(object))(transaction); }} {}

  void operator()(pqxx::transaction_base &transaction) const { call_(object_, transaction); }

private:
  void *object_;
  void (*call_)(void *, pqxx::transaction_base &);
};

/// Keeps what a block returns until it is committed: the last attempt's.
template <class Result> class BlockResult {
public:
  template <class F> void set(F &f, pqxx::transaction_base &transaction) {
    value_.reset();
    value_.emplace(std::invoke(f, transaction));
  }
  [[nodiscard]] Result get() && { return std::move(*value_); }

private:
  std::optional<std::remove_cv_t<Result>> value_;
};

template <class Result>
  requires std::is_reference_v<Result>
class BlockResult<Result> {
public:
  template <class F> void set(F &f, pqxx::transaction_base &transaction) {
    Result result = std::invoke(f, transaction);
    value_ = std::addressof(result);
  }
  [[nodiscard]] Result get() && { return static_cast<Result>(*value_); }

private:
  std::remove_reference_t<Result> *value_{nullptr};
};

template <class Result>
  requires std::is_void_v<Result>
class BlockResult<Result> {
public:
  template <class F> void set(F &f, pqxx::transaction_base &transaction) { std::invoke(f, transaction); }
  void get() && {}
};

}  // namespace pqlease::detail
