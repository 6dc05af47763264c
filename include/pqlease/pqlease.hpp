#pragma once

// The whole library.
#include <pqlease/atomic_options.hpp>      // IWYU pragma: export
#include <pqlease/block_body.hpp>          // IWYU pragma: export
#include <pqlease/canceller.hpp>           // IWYU pragma: export
#include <pqlease/errors.hpp>              // IWYU pragma: export
#include <pqlease/format.hpp>              // IWYU pragma: export
#include <pqlease/histogram.hpp>           // IWYU pragma: export
#include <pqlease/jitter.hpp>              // IWYU pragma: export
#include <pqlease/lease.hpp>               // IWYU pragma: export
#include <pqlease/managed_connection.hpp>  // IWYU pragma: export
#include <pqlease/notification.hpp>        // IWYU pragma: export
#include <pqlease/options.hpp>             // IWYU pragma: export
#include <pqlease/prometheus.hpp>          // IWYU pragma: export
#include <pqlease/reconnect_policy.hpp>    // IWYU pragma: export
#include <pqlease/session_state.hpp>       // IWYU pragma: export
#include <pqlease/statistics.hpp>          // IWYU pragma: export
#include <pqlease/status.hpp>              // IWYU pragma: export
#include <pqlease/subscription.hpp>        // IWYU pragma: export
#include <pqlease/transaction.hpp>         // IWYU pragma: export
#include <pqlease/version.hpp>             // IWYU pragma: export
