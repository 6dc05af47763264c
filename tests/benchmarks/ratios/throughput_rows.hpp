#pragma once

#include "measure/row.hpp"
#include "ratios/lookup_table.hpp"
#include "ratios/settings.hpp"
#include "ratios/workers.hpp"

#include <optional>

namespace pqlease::benchmarks {

/// SELECTs per second by lease, against the same libpqxx connection behind a std::mutex.
[[nodiscard]] Row compare_with_mutex(LookupTable const &table, Settings const &settings, Workers const &workers,
                                     std::optional<Limit> limit);

/// The std::mutex against another one like it: how far from 1 a ratio gets on this machine, now, when nothing differs.
[[nodiscard]] Row compare_mutex_with_itself(LookupTable const &table, Settings const &settings, Workers const &workers);

/// SELECTs per second by lease while a handler waits for notifications and none comes, against the same without one.
[[nodiscard]] Row compare_listening(LookupTable const &table, Settings const &settings, Workers const &workers,
                                    Limit limit);

/// SELECTs per second by atomic block, against a `pqxx::work` on a connection behind a std::mutex.
[[nodiscard]] Row compare_atomic_with_work(LookupTable const &table, Settings const &settings, Workers const &workers,
                                           Limit limit);

/// The same block with Outcome::resolve, which asks for the transaction's id, against one without.
[[nodiscard]] Row compare_resolve_with_report(LookupTable const &table, Settings const &settings,
                                              Workers const &workers);

/// SELECTs per second by lease, against a connection for each of them.
[[nodiscard]] Row compare_with_connecting(LookupTable const &table, Settings const &settings, Workers const &workers,
                                          Limit limit);

}  // namespace pqlease::benchmarks
