#pragma once

#include <libpq-fe.h>

#include <string_view>

namespace pqlease::detail {

/// Whether the server has last reported that it is a standby, or that transactions are read-only by default: no round
/// trip. A server before PostgreSQL 14 reports neither (libpq, PQparameterStatus).
[[nodiscard]] inline bool reports_read_only(PGconn *raw) noexcept {
  auto const is_on = [raw](char const *parameter) {
    auto const *const value = PQparameterStatus(raw, parameter);
    return value != nullptr && std::string_view{value} == "on";
  };
  return is_on("in_hot_standby") || is_on("default_transaction_read_only");
}

}  // namespace pqlease::detail
