#include "support/detail/environment.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace pqlease::testing {

namespace {

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

}  // namespace

std::optional<std::string> environment_value(char const *name) {
  char const *value =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests set variables before they start threads
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::vector<std::string> environment_of_command(Inherited inherited, std::vector<std::string> const &additions) {
  std::vector<std::string> result;
  for (char **entry = environ; *entry != nullptr; ++entry) {
    bool const libpq = std::string_view{*entry}.starts_with("PG");
    if (inherited == Inherited::everything || !libpq) result.emplace_back(*entry);
  }
  for (auto const &addition : additions) {
    std::erase_if(result, [&](auto const &entry) { return name_of(entry) == name_of(addition); });
    result.push_back(addition);
  }
  return result;
}

}  // namespace pqlease::testing
