#include "detail/conninfo_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>

namespace pqlease::detail {
namespace {

constexpr std::string_view mask = "***";

bool is_space(char c) noexcept { return std::string_view{" \t\n\v\f\r"}.find(c) != std::string_view::npos; }

bool is_uri(std::string_view text) noexcept {
  return text.starts_with("postgres://") || text.starts_with("postgresql://");
}

/// One `keyword = value` of a connection string, or a stray word.
struct Setting {
  std::string_view leading_space{};
  std::string_view keyword{};
  std::string_view equals{};  ///< with the spaces round it; empty for a stray word
  std::string_view value{};
  bool terminated{true};  ///< false for a quote that nobody closes
};

/// Reads settings by the grammar of libpq's conninfo_parse, but never gives up.
class SettingReader {
public:
  explicit SettingReader(std::string_view text) noexcept : rest_{text} {}

  [[nodiscard]] std::optional<Setting> next() {
    Setting setting{.leading_space = take_while(is_space)};
    if (rest_.empty() && setting.leading_space.empty()) return std::nullopt;
    setting.keyword = take_while([](char c) { return c != '=' && !is_space(c); });
    auto const before_equals = rest_;
    take_while(is_space);
    if (!rest_.starts_with('=')) {
      rest_ = before_equals;
      return setting;
    }
    rest_.remove_prefix(1);
    take_while(is_space);
    setting.equals = before_equals.substr(0, before_equals.size() - rest_.size());
    setting.value = take_value(setting.terminated);
    return setting;
  }

private:
  template <class Predicate> std::string_view take_while(Predicate predicate) {
    auto const end = std::find_if_not(rest_.begin(), rest_.end(), predicate);
    return take(static_cast<std::size_t>(end - rest_.begin()));
  }

  std::string_view take(std::size_t count) {
    auto const taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view take_value(bool &terminated) {
    bool const quoted = rest_.starts_with('\'');
    for (std::size_t i = quoted ? 1 : 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (quoted && rest_[i] == '\'') {
        return take(i + 1);
      } else if (!quoted && is_space(rest_[i])) {
        return take(i);
      }
    }
    terminated = !quoted;
    return take(rest_.size());
  }

  std::string_view rest_;
};

/// The parts of a URI that matter here; `secret` is where a password may stand.
struct Uri {
  std::string_view before_secret;
  std::string_view secret;
  std::string_view after_secret;
  std::string_view query;
};

Uri split_uri(std::string_view text) {
  auto const query = std::min(text.find('?', text.find("://") + 3), text.size());
  auto const head = text.substr(0, query);
  auto const colon = head.find(':', head.find("://") + 3);
  auto const at = head.rfind('@');
  Uri uri{.before_secret = head, .secret = {}, .after_secret = {}, .query = text.substr(query)};
  if (colon != std::string_view::npos && at != std::string_view::npos && colon < at) {
    uri.before_secret = head.substr(0, colon + 1);
    uri.secret = head.substr(colon + 1, at - colon - 1);
    uri.after_secret = head.substr(at);
  }
  return uri;
}

/// Calls `visit(separator, keyword, equals, value)` for each parameter of `?keyword=value&...`.
template <class Visit> void for_each_parameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    auto const separator = query.substr(0, 1);
    auto const end = std::min(query.find('&', 1), query.size());
    auto const parameter = query.substr(1, end - 1);
    auto const equals = std::min(parameter.find('='), parameter.size());
    visit(separator, parameter.substr(0, equals), parameter.substr(equals, equals < parameter.size() ? 1 : 0),
          parameter.substr(std::min(equals + 1, parameter.size())));
    query.remove_prefix(end);
  }
}

std::string mask_uri(std::string_view text, Classify classify) {
  auto const uri = split_uri(text);
  std::string out{uri.before_secret};
  if (!uri.secret.empty()) out += mask;
  out += uri.after_secret;
  for_each_parameter(uri.query, [&](auto separator, auto keyword, auto equals, auto value) {
    out.append(separator).append(keyword).append(equals);
    out += value.empty() || classify(keyword) == Keyword::shown ? value : mask;
  });
  return out;
}

std::string mask_settings(std::string_view text, Classify classify) {
  std::string out;
  bool after_secret = false;
  SettingReader reader{text};
  while (auto const setting = reader.next()) {
    bool const stray = setting->equals.empty();
    auto const kind = classify(setting->keyword);
    out += setting->leading_space;
    if (setting->keyword.empty() && stray) continue;
    // What follows a secret and is no setting of its own may be the rest of a secret with a space in it.
    if (after_secret && (stray || kind == Keyword::unknown)) {
      out += mask;
      continue;
    }
    out.append(setting->keyword).append(setting->equals);
    if (kind != Keyword::shown) {
      out += stray ? "" : mask;
    } else {
      out += is_uri(setting->value) ? mask_uri(setting->value, classify) : setting->value;
    }
    after_secret = !stray && kind != Keyword::shown;
  }
  return out;
}

std::string diagnose_uri(std::string_view text, Classify classify) {
  std::string problem = "malformed URI";
  for_each_parameter(split_uri(text).query, [&](auto, auto keyword, auto equals, auto) {
    if (equals.empty()) {
      problem = fmt::format("missing \"=\" after the URI parameter \"{}\"", keyword);
    } else if (classify(keyword) == Keyword::unknown && keyword.find('%') == std::string_view::npos) {
      problem = fmt::format("unknown URI parameter \"{}\"", keyword);
    }
  });
  return problem;
}

std::string diagnose_settings(std::string_view text, Classify classify) {
  std::string_view secret;
  SettingReader reader{text};
  while (auto const setting = reader.next()) {
    bool const stray = setting->equals.empty();
    auto const kind = classify(setting->keyword);
    if (setting->keyword.empty() && stray) continue;
    if (!secret.empty() && (stray || kind == Keyword::unknown)) {
      return fmt::format("stray text after the value of \"{}\"; a value with spaces needs quotes", secret);
    }
    if (stray) return fmt::format("missing \"=\" after \"{}\"", setting->keyword);
    if (kind == Keyword::unknown) return fmt::format("unknown keyword \"{}\"", setting->keyword);
    if (!setting->terminated) return fmt::format("unterminated quote in the value of \"{}\"", setting->keyword);
    secret = kind == Keyword::secret ? setting->keyword : std::string_view{};
  }
  return "libpq cannot parse it";
}

}  // namespace

std::string mask_conninfo(std::string_view conninfo, Classify classify) {
  return is_uri(conninfo) ? mask_uri(conninfo, classify) : mask_settings(conninfo, classify);
}

std::string diagnose_conninfo(std::string_view conninfo, Classify classify) {
  return is_uri(conninfo) ? diagnose_uri(conninfo, classify) : diagnose_settings(conninfo, classify);
}

std::vector<std::string> secret_pieces(std::string_view conninfo) {
  std::vector<std::string> pieces;
  if (!is_uri(conninfo)) return pieces;
  auto rest = split_uri(conninfo).secret;
  while (!rest.empty()) {
    auto const end = std::min(rest.find_first_of("/:@,"), rest.size());
    if (end != 0) pieces.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return pieces;
}

std::string redact(std::string_view message, std::span<std::string const> secrets) {
  std::string out;
  while (!message.empty()) {
    auto const open = message.find('"');
    auto const close = open == std::string_view::npos ? open : message.find('"', open + 1);
    if (close == std::string_view::npos) break;
    std::string quoted{message.substr(open, close - open + 1)};
    for (auto const &secret : secrets) {
      for (auto at = quoted.find(secret); at != std::string::npos; at = quoted.find(secret, at + mask.size())) {
        quoted.replace(at, secret.size(), mask);
      }
    }
    out.append(message.substr(0, open)).append(quoted);
    message.remove_prefix(close + 1);
  }
  return out.append(message);
}

}  // namespace pqlease::detail
