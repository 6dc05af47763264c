#pragma once

#include <exception>
#include <string_view>

namespace pqlease::detail {

/// Whether a text has the form of an SQLSTATE: five digits or capital letters.
[[nodiscard]] bool is_sqlstate(std::string_view text) noexcept;

/// Whether an SQLSTATE says that the session is of no more use: class 08 (connection exceptions, among them the
/// protocol violation), 57P01 to 57P03 (shut down by an administrator, crashed, not accepting connections). Source:
/// PostgreSQL, appendix A.
[[nodiscard]] bool is_poisonous(std::string_view sqlstate) noexcept;

/// The same for an exception: also any pqxx::broken_connection.
[[nodiscard]] bool is_poisonous(std::exception_ptr const &error) noexcept;

}  // namespace pqlease::detail
