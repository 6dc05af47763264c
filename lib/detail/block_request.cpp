#include "detail/block_request.hpp"

#include "detail/poison.hpp"
#include "detail/ranges.hpp"

namespace pqlease::detail {
namespace {

using namespace std::chrono_literals;

void validate(RetryPolicy const &retry) {
  constexpr auto *of = "AtomicOptions";
  if (retry.max_attempts == 0) throw InvalidOption{"retry.max_attempts", "is 0; it must be at least 1", of};
  require_range(of, "retry.initial_delay", retry.initial_delay, 0ms);
  require_factor(of, "retry.factor", retry.factor);
  require_range(of, "retry.max_delay", retry.max_delay, retry.initial_delay);
  require_range(of, "retry.timeout", retry.timeout, 0ms);
  for (auto const &sqlstate : retry.sqlstates) {
    if (!is_sqlstate(sqlstate))
      throw InvalidOption{"retry.sqlstates", "has '" + sqlstate + "', which is no SQLSTATE", of};
  }
}

template <class BlockOptions> void validate_times(BlockOptions const &options, char const *of) {
  if (options.lease_timeout) require_range(of, "lease_timeout", *options.lease_timeout, 0ms);
  require_range(of, "resolve_timeout", options.resolve_timeout, 1ms);
}

}  // namespace

void validate(AtomicOptions const &options) {
  validate_times(options, "AtomicOptions");
  validate(options.retry);
}

void validate(BeginOptions const &options) { validate_times(options, "BeginOptions"); }

}  // namespace pqlease::detail
