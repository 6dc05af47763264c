#include "session/conninfo.hpp"

#include <pqlease/errors.hpp>

#include <libpq-fe.h>

#include <map>
#include <memory>
#include <new>
#include <utility>

namespace pqlease::detail {
namespace {

using OptionList = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// Null when libpq refuses the text. Its own message is dropped: it quotes parts of the text, which may be secret.
OptionList parse(char const *text) {
  char *message = nullptr;
  OptionList options{PQconninfoParse(text, &message), &PQconninfoFree};
  bool const refused = message != nullptr;
  PQfreemem(message);
  if (!options && !refused) throw std::bad_alloc{};
  return options;
}

std::map<std::string, Keyword, std::less<>> read_keywords() {
  std::map<std::string, Keyword, std::less<>> keywords;
  auto const options = parse("");
  for (auto const *option = options.get(); option->keyword != nullptr; ++option) {
    // libpq shows the path of the password file; it is masked all the same, as it leads to the password.
    bool const secret = *option->dispchar == '*' || std::string_view{option->keyword} == "passfile";
    keywords.emplace(option->keyword, secret ? Keyword::secret : Keyword::shown);
  }
  return keywords;
}

}  // namespace

Keyword classify_keyword(std::string_view keyword) {
  static auto const keywords = read_keywords();
  auto const found = keywords.find(keyword);
  return found == keywords.end() ? Keyword::unknown : found->second;
}

Conninfo::Conninfo(std::string text) : text_{std::move(text)}, secrets_{secret_pieces(text_)} {
  if (text_.find('\0') != std::string::npos) {
    throw InvalidConnectionString{"invalid connection string: it has a NUL character in it"};
  }
  auto const options = parse(text_.c_str());
  if (!options) {
    throw InvalidConnectionString{"invalid connection string \"" + masked() +
                                  "\": " + diagnose_conninfo(text_, &classify_keyword)};
  }
  for (auto const *option = options.get(); option->keyword != nullptr; ++option) {
    bool const given = option->val != nullptr && *option->val != '\0';
    if (given && classify_keyword(option->keyword) == Keyword::secret) secrets_.emplace_back(option->val);
  }
}

std::string Conninfo::masked() const {
  return text_.empty() ? "(libpq's defaults)" : mask_conninfo(text_, &classify_keyword);
}

std::string Conninfo::redact(std::string_view message) const { return detail::redact(message, secrets_); }

}  // namespace pqlease::detail
