#pragma once

#include "detail/conninfo_text.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pqlease::detail {

/// A connection string that libpq can parse, with what is needed to speak about it without giving a secret away.
class Conninfo {
public:
  /// Throws: InvalidConnectionString.
  explicit Conninfo(std::string text);

  /// The string itself, secrets and all: for libpq only.
  [[nodiscard]] std::string const &text() const noexcept { return text_; }

  /// For people.
  [[nodiscard]] std::string masked() const;

  /// A message about this connection, without its secrets.
  [[nodiscard]] std::string redact(std::string_view message) const;

private:
  std::string text_;
  std::vector<std::string> secrets_;
};

/// What libpq says of a keyword: `*` among its display hints marks a secret (PQconninfoParse).
[[nodiscard]] Keyword classify_keyword(std::string_view keyword);

}  // namespace pqlease::detail
