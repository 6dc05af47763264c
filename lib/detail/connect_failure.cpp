#include "detail/connect_failure.hpp"

#include "detail/poison.hpp"

#include <string_view>
#include <utility>

namespace pqlease::detail {
namespace {

/// Takes the SQLSTATE out of `severity:  SQLSTATE: message`; empty when there is none.
std::string take_sqlstate(std::string &message) {
  constexpr std::string_view before = ":  ";
  constexpr std::size_t length = 5;
  for (auto at = message.find(before); at != std::string::npos; at = message.find(before, at + 1)) {
    auto const start = at + before.size();
    if (start + length > message.size()) break;
    if (message.compare(start + length, 2, ": ") != 0) continue;
    auto sqlstate = message.substr(start, length);
    if (!is_sqlstate(sqlstate)) continue;
    message.erase(start, length + 2);
    return sqlstate;
  }
  return {};
}

/// Cuts off the last line if it names a place in the server's source: `word:  function, file.c:123`.
void cut_place(std::string &message) {
  auto const line = message.rfind('\n');
  if (line == std::string::npos) return;
  auto const comma = message.find(", ", line);
  auto const file = message.find(".c:", line);
  if (message.find(":  ", line) < comma && comma < file && file != std::string::npos) message.erase(line);
}

}  // namespace

ConnectFailure read_refusal(std::string verbose) {
  auto message = std::move(verbose);
  while (message.ends_with('\n')) message.pop_back();
  cut_place(message);
  auto sqlstate = take_sqlstate(message);
  return {.message = std::move(message), .sqlstate = std::move(sqlstate)};
}

}  // namespace pqlease::detail
