#pragma once

#include <string>

namespace pqlease::detail {

/// Why no connection could be made. Carries no secret.
struct ConnectFailure {
  std::string message;
  std::string sqlstate;  ///< empty when no server answered
};

/// Takes apart what libpq says of a refusal in its verbose form (PQERRORS_VERBOSE), `severity:  SQLSTATE: message` with
/// a last line that names a place in the server's source. Works in any language, and on any text: a message without
/// these parts stays as it is.
[[nodiscard]] ConnectFailure read_refusal(std::string verbose);

}  // namespace pqlease::detail
