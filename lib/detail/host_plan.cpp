#include "detail/host_plan.hpp"

#include <algorithm>
#include <utility>

namespace pqlease::detail {
namespace {

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> entries;
  for (;;) {
    auto const comma = list.find(',');
    entries.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return entries;
    list.remove_prefix(comma + 1);
  }
}

/// The lists, taken apart.
struct Lists {
  std::vector<std::string> hosts;
  std::vector<std::string> addresses;
  std::vector<std::string> ports;

  // An empty list counts as one entry, as libpq sees it.
  explicit Lists(HostSettings const &settings)
      : hosts{split(settings.host)}, addresses{split(settings.hostaddr)}, ports{split(settings.port)} {}
};

/// The address counts the hosts, where there is one.
std::size_t count_of(HostSettings const &settings, Lists const &lists) noexcept {
  return settings.hostaddr.empty() ? lists.hosts.size() : lists.addresses.size();
}

bool fit_together(HostSettings const &settings, Lists const &lists, std::size_t count) noexcept {
  bool const names_fit = settings.host.empty() || lists.hosts.size() == count;
  return names_fit && (lists.ports.size() == 1 || lists.ports.size() == count);
}

std::vector<HostAttempt> take_apart(HostSettings const &settings) {
  Lists const lists{settings};
  auto const count = count_of(settings, lists);
  std::vector<HostAttempt> attempts;
  if (count < 2 || !fit_together(settings, lists, count)) return attempts;
  for (std::size_t i = 0; i < count; ++i) {
    HostAttempt attempt;
    if (!settings.hostaddr.empty()) attempt.hostaddr = lists.addresses[i];
    if (!settings.host.empty()) attempt.host = lists.hosts[i].empty() ? attempt.hostaddr : lists.hosts[i];
    attempt.port = lists.ports.size() == 1 ? lists.ports.front() : lists.ports[i];
    if (attempt.port.empty()) attempt.port = settings.default_port;
    bool const lacks_host = attempt.host.empty() && !settings.host.empty();
    if (lacks_host || (attempt.hostaddr.empty() && !settings.hostaddr.empty())) return {};
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

// Fisher and Yates.
void shuffle(std::vector<HostAttempt> &attempts, Chance chance) {
  for (auto left = attempts.size(); left > 1; --left) {
    auto const pick = static_cast<std::size_t>(chance() * static_cast<double>(left));
    std::swap(attempts[left - 1], attempts[std::min(pick, left - 1)]);
  }
}

std::vector<HostAttempt> with_target(std::vector<HostAttempt> attempts, std::string const &target) {
  for (auto &attempt : attempts) attempt.target_session_attrs = target;
  return attempts;
}

}  // namespace

std::string target_for(std::string_view wished, Require require) {
  bool const contradicts = wished == "standby" || wished == "read-only";
  return require == Require::writable && !contradicts ? "read-write" : std::string{wished};
}

std::vector<HostAttempt> plan_hosts(HostSettings const &settings, Require require, Chance chance) {
  auto hosts = take_apart(settings);
  if (settings.load_balance_hosts == "random") shuffle(hosts, chance);
  auto const target = target_for(settings.target_session_attrs, require);
  if (target != "prefer-standby") return with_target(std::move(hosts), target);
  auto attempts = with_target(hosts, "standby");
  for (auto &attempt : with_target(std::move(hosts), "any")) attempts.push_back(std::move(attempt));
  return attempts;
}

Deadline share_of(Deadline deadline, std::size_t attempts_left, Deadline::Clock::time_point now) noexcept {
  if (attempts_left < 2 || deadline.is_never() || deadline.when() <= now) return deadline;
  return Deadline::at(now + (deadline.when() - now) / static_cast<Deadline::Clock::rep>(attempts_left));
}

bool ends_search(std::string_view sqlstate) noexcept { return sqlstate.starts_with("28"); }

}  // namespace pqlease::detail
