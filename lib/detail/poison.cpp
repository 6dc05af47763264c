#include "detail/poison.hpp"

#include <pqxx/except>

#include <algorithm>

namespace pqlease::detail {

bool is_sqlstate(std::string_view text) noexcept {
  return text.size() == 5 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

bool is_poisonous(std::string_view sqlstate) noexcept {
  return sqlstate.starts_with("08") || sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03";
}

bool is_poisonous(std::exception_ptr const &error) noexcept {
  if (!error) return false;  // a cancelled thread unwinds without an exception
  try {
    std::rethrow_exception(error);
  } catch (pqxx::broken_connection const &) {
    return true;
  } catch (pqxx::sql_error const &sql) {
    return is_poisonous(std::string_view{sql.sqlstate()});
  } catch (...) {
    return false;
  }
}

}  // namespace pqlease::detail
