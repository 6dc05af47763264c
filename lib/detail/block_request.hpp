#pragma once

#include "detail/block_text.hpp"
#include <pqlease/atomic_options.hpp>

#include <chrono>
#include <optional>
#include <source_location>
#include <stop_token>

namespace pqlease::detail {

/// What AtomicOptions and BeginOptions have in common, and where the block stands.
struct BlockRequest {
  Characteristics characteristics{};
  bool savepoint{true};
  bool durable{false};
  std::optional<std::chrono::milliseconds> lease_timeout{};
  Outcome outcome{Outcome::report};
  std::chrono::milliseconds resolve_timeout{};
  std::stop_token stop{};
  std::source_location where{};
};

/// Throws InvalidOption that names the first field out of its range.
void validate(AtomicOptions const &options);
void validate(BeginOptions const &options);

/// The options, checked.
template <class BlockOptions>
[[nodiscard]] BlockRequest make_request(BlockOptions const &options, std::source_location where) {
  validate(options);
  return {
      .characteristics = {.isolation = options.isolation, .access = options.access, .deferrable = options.deferrable},
      .savepoint = options.savepoint,
      .durable = options.durable,
      .lease_timeout = options.lease_timeout,
      .outcome = options.outcome,
      .resolve_timeout = options.resolve_timeout,
      .stop = options.stop,
      .where = where};
}

}  // namespace pqlease::detail
