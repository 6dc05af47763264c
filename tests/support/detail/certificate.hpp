#pragma once

#include "support/detail/server_tools.hpp"

namespace pqlease::testing {

/// Makes a key and a certificate for 127.0.0.1 in the data directory, under the names that the server looks for.
///
/// Returns: whether the server can use them; not where it was built without SSL, or openssl is not installed.
/// Throws: std::runtime_error with openssl's output.
[[nodiscard]] bool provide_certificate(ServerTools const &tools);

}  // namespace pqlease::testing
