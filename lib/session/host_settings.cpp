#include "session/host_settings.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

namespace pqlease::detail {
namespace {

using OptionList = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// Where a setting is looked for.
enum class Look {
  given,              ///< only what is in the list
  given_or_inherited  ///< then in the environment, then among what libpq was built with
};

std::string text(char const *value) { return value == nullptr ? std::string{} : value; }

PQconninfoOption const *find(OptionList const &options, std::string_view keyword) noexcept {
  for (auto const *option = options.get(); option->keyword != nullptr; ++option) {
    if (option->keyword == keyword) return option;
  }
  return nullptr;  // an older libpq
}

std::string value_of(OptionList const &options, std::string_view keyword, Look look) {
  auto const *const option = find(options, keyword);
  if (option == nullptr) return {};
  if (option->val != nullptr || look == Look::given) return text(option->val);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as libpq does at every connect
  auto const *const inherited = option->envvar == nullptr ? nullptr : std::getenv(option->envvar);
  return text(inherited == nullptr ? option->compiled : inherited);
}

HostSettings read(OptionList const &options, Look look) {
  auto const *const port = find(options, "port");
  return {.host = value_of(options, "host", look),
          .hostaddr = value_of(options, "hostaddr", look),
          .port = value_of(options, "port", look),
          .default_port = text(port == nullptr ? nullptr : port->compiled),
          .target_session_attrs = value_of(options, "target_session_attrs", look),
          .load_balance_hosts = value_of(options, "load_balance_hosts", look)};
}

OptionList require(PQconninfoOption *options) {
  if (options == nullptr) throw std::bad_alloc{};
  return {options, &PQconninfoFree};
}

}  // namespace

std::optional<HostSettings> host_settings(Conninfo const &conninfo) {
  // The text has been parsed before: only memory can be wanting.
  auto const options = require(PQconninfoParse(conninfo.text().c_str(), nullptr));
  if (!value_of(options, "service", Look::given_or_inherited).empty()) return std::nullopt;
  return read(options, Look::given_or_inherited);
}

HostSettings host_settings(PGconn *raw) { return read(require(PQconninfo(raw)), Look::given); }

}  // namespace pqlease::detail
