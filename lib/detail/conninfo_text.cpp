#include "detail/conninfo_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace pqlease::detail {
namespace {

constexpr std::string_view mask = "***";

bool is_space(char c) noexcept { return std::string_view{" \t\n\v\f\r"}.find(c) != std::string_view::npos; }

bool is_uri(std::string_view text) noexcept {
  return text.starts_with("postgres://") || text.starts_with("postgresql://");
}

/// Whether a word looks like a keyword, so that it may be named. Anything else may be a secret in the wrong place.
bool is_name(std::string_view word) noexcept {
  return std::ranges::all_of(word, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

/// Whether a value that may be shown has something in it that may not: a URI, or settings in some other notation.
bool hides_secret(std::string_view value) {
  std::string lower{value};
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  auto const has = [&](std::string_view word) { return lower.find(word) != std::string::npos; };
  return has("://") || has("passw") || has("pwd");
}

std::string_view shown_or_masked(std::string_view value, Keyword kind) {
  bool const safe = value.empty() || (kind == Keyword::shown && !hides_secret(value));
  return safe ? value : mask;
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
  std::string_view before_secret{};
  std::string_view secret{};
  std::string_view after_secret{};
  std::string_view query{};
};

// The password may have any delimiter in it that should have been encoded, so it is taken to reach to the very last
// `@`. Where that takes in the query, all the rest counts as secret: there is no telling where it ends.
Uri split_uri(std::string_view text) {
  auto const authority = text.find("://") + 3;
  auto const colon = text.find(':', authority);
  auto const at = text.rfind('@');
  bool const has_secret = colon != std::string_view::npos && at != std::string_view::npos && colon < at;
  if (!has_secret) {
    auto const query = std::min(text.find('?', authority), text.size());
    return {.before_secret = text.substr(0, query), .query = text.substr(query)};
  }
  Uri uri{.before_secret = text.substr(0, colon + 1), .secret = text.substr(colon + 1, at - colon - 1)};
  if (uri.secret.find('?') != std::string_view::npos) {
    uri.secret = text.substr(colon + 1);
    return uri;
  }
  auto const query = std::min(text.find('?', at), text.size());
  uri.after_secret = text.substr(at, query - at);
  uri.query = text.substr(query);
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

/// Whether a parameter or a setting may be the rest of the secret before it, which had a delimiter in it.
bool may_belong_to_secret(bool after_secret, std::string_view equals, Keyword kind) noexcept {
  return after_secret && (equals.empty() || kind == Keyword::unknown);
}

std::string mask_uri(std::string_view text, Classify classify) {
  auto const uri = split_uri(text);
  std::string out{uri.before_secret};
  if (!uri.secret.empty()) out += mask;
  out += uri.after_secret;
  bool after_secret = false;
  for_each_parameter(uri.query, [&](auto separator, auto keyword, auto equals, auto value) {
    auto const kind = classify(keyword);
    out += separator;
    if (may_belong_to_secret(after_secret, equals, kind)) {
      out += mask;
      return;
    }
    out.append(keyword).append(equals).append(shown_or_masked(value, kind));
    after_secret = kind != Keyword::shown;
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
    if (may_belong_to_secret(after_secret, setting->equals, kind)) {
      out += mask;
      continue;
    }
    out += is_name(setting->keyword) ? setting->keyword : mask;
    out.append(setting->equals).append(shown_or_masked(setting->value, kind));
    after_secret = stray || kind != Keyword::shown;
  }
  return out;
}

std::string name_word(std::string_view problem, std::string_view word) {
  return is_name(word) ? fmt::format("{} \"{}\"", problem, word) : fmt::format("{} a word that is not shown", problem);
}

std::string diagnose_uri(std::string_view text, Classify classify) {
  std::string problem;
  bool after_secret = false;
  for_each_parameter(split_uri(text).query, [&](auto, auto keyword, auto equals, auto) {
    auto const kind = classify(keyword);
    if (!problem.empty()) return;
    if (may_belong_to_secret(after_secret, equals, kind)) {
      problem = "stray text after a secret URI parameter; a value with delimiters needs percent-encoding";
    } else if (equals.empty()) {
      problem = name_word("missing \"=\" after the URI parameter", keyword);
    } else if (kind == Keyword::unknown) {
      problem = name_word("unknown URI parameter", keyword);
    }
    after_secret = kind != Keyword::shown;
  });
  return problem.empty() ? "malformed URI" : problem;
}

std::string diagnose_settings(std::string_view text, Classify classify) {
  std::string_view secret;
  SettingReader reader{text};
  while (auto const setting = reader.next()) {
    bool const stray = setting->equals.empty();
    auto const kind = classify(setting->keyword);
    if (setting->keyword.empty() && stray) continue;
    if (may_belong_to_secret(!secret.empty(), setting->equals, kind)) {
      return fmt::format("stray text after the value of \"{}\"; a value with spaces needs quotes", secret);
    }
    if (stray) return name_word("missing \"=\" after", setting->keyword);
    if (kind == Keyword::unknown) return name_word("unknown keyword", setting->keyword);
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
    auto const end = std::min(rest.find_first_of("/:@,?&="), rest.size());
    if (end != 0) pieces.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return pieces;
}

std::string redact(std::string_view message, std::span<std::string const> secrets) {
  // Shorter ones hide nothing that could not be guessed, and would garble the message.
  constexpr std::size_t shortest = 3;
  std::string out{message};
  for (auto const &secret : secrets) {
    if (secret.size() < shortest) continue;
    for (auto at = out.find(secret); at != std::string::npos; at = out.find(secret, at + mask.size())) {
      out.replace(at, secret.size(), mask);
    }
  }
  return out;
}

}  // namespace pqlease::detail
