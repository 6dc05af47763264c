#pragma once

#include <filesystem>

namespace pqlease::testing {

/// The folder of initdb, pg_ctl and postgres: PQLEASE_PG_BINDIR if set, else what pg_config says, else the highest
/// version below /usr/lib/postgresql.
///
/// Throws: NoServer when no server is installed; std::runtime_error when PQLEASE_PG_BINDIR holds none.
[[nodiscard]] std::filesystem::path find_server_programs();

/// psql: beside the server's programs, else in PATH.
/// Throws: NoServer when there is none.
[[nodiscard]] std::filesystem::path find_psql();

}  // namespace pqlease::testing
