#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pqlease::detail {

/// What libpq knows about a connection keyword.
enum class Keyword {
  shown,    ///< its value may be shown
  secret,   ///< its value is a secret
  unknown,  ///< libpq does not know it; its value may be a secret under a mistyped name
};

using Classify = Keyword (*)(std::string_view keyword);

/// A connection string with every value that may not be shown as `***`. Works on any text, valid or not, and rather
/// masks too much: in a URI everything from the first colon of the authority to its last `@`.
[[nodiscard]] std::string mask_conninfo(std::string_view conninfo, Classify classify);

/// What is wrong with a connection string that libpq refused: names the bad word, unless that could be part of a
/// secret, and shows no value.
[[nodiscard]] std::string diagnose_conninfo(std::string_view conninfo, Classify classify);

/// Pieces of a URI's user-info that libpq could take for a host, a port or a database when it reads a password with an
/// unescaped delimiter in it.
[[nodiscard]] std::vector<std::string> secret_pieces(std::string_view conninfo);

/// A message of libpq or of a server with the secrets in it replaced by `***`, but for those of one or two characters.
[[nodiscard]] std::string redact(std::string_view message, std::span<std::string const> secrets);

}  // namespace pqlease::detail
