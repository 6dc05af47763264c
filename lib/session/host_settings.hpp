#pragma once

#include "detail/host_plan.hpp"
#include "session/conninfo.hpp"

#include <libpq-fe.h>

#include <optional>

namespace pqlease::detail {

/// What a connection string and libpq's environment variables say of the hosts; nothing when a service file has a say,
/// which only libpq reads, while it connects. No I/O.
[[nodiscard]] std::optional<HostSettings> host_settings(Conninfo const &conninfo);

/// What libpq has made of everything, for a handle that it has begun to connect (PQconninfo).
[[nodiscard]] HostSettings host_settings(PGconn *raw);

}  // namespace pqlease::detail
