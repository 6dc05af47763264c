#pragma once

#include "detail/deadline.hpp"
#include <pqlease/options.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pqlease::detail {

/// What a connection string, a service file and the environment say of the hosts, in libpq's terms: `host`, `hostaddr`
/// and `port` may be lists. Empty: nothing is said.
struct HostSettings {
  std::string host;
  std::string hostaddr;
  std::string port;
  std::string default_port;  ///< the one that libpq was built with
  std::string target_session_attrs;
  std::string load_balance_hosts;
};

/// One host, as it is put to libpq. An empty field leaves what the connection string says.
struct HostAttempt {
  std::string host;
  std::string hostaddr;
  std::string port;
  std::string target_session_attrs;

  friend bool operator==(HostAttempt const &, HostAttempt const &) = default;
};

/// A source of random numbers in [0, 1).
using Chance = double (*)();

/// The `target_session_attrs` to ask for when the session must be good for `require`. A wish that contradicts it stays.
[[nodiscard]] std::string target_for(std::string_view wished, Require require);

/// Every host of the lists by itself, in the order in which libpq would try them: `prefer-standby` goes through the
/// hosts twice, `load_balance_hosts=random` shuffles them.
///
/// Empty when there is nothing to take apart: for a single host, for lists of different length, which libpq refuses
/// with its own words, and for a list with an empty entry, which cannot be put to libpq by itself.
/// Source: PostgreSQL, chapter "libpq", "Specifying Multiple Hosts".
[[nodiscard]] std::vector<HostAttempt> plan_hosts(HostSettings const &settings, Require require, Chance chance);

/// When an attempt has to end that `attempts_left` others, itself included, share the time up to `deadline` with.
[[nodiscard]] Deadline share_of(Deadline deadline, std::size_t attempts_left, Deadline::Clock::time_point now) noexcept;

/// Whether the hosts that are left are not tried after a refusal with this SQLSTATE: one of the credentials, which
/// libpq does not take from host to host either.
[[nodiscard]] bool ends_search(std::string_view sqlstate) noexcept;

}  // namespace pqlease::detail
