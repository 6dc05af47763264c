#pragma once

namespace pqlease::testing {

/// How a server is stopped (pg_ctl's `--mode`).
enum class StopMode {
  fast,       ///< sessions are terminated, then a clean shutdown
  immediate,  ///< as in a crash: the next start recovers
};

}  // namespace pqlease::testing
