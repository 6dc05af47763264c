#include <pqlease/errors.hpp>

#include <utility>

namespace pqlease {

Error::~Error() = default;

UncommittedTransaction::UncommittedTransaction(std::string const &what, std::source_location lease_taken)
    : Error{what}, lease_taken_{lease_taken} {}

ConnectionDown::ConnectionDown(std::string const &what, std::string sqlstate)
    : Error{what}, sqlstate_{std::move(sqlstate)} {}

InvalidOption::InvalidOption(std::string option, std::string const &problem)
    : Error{"Options::" + option + " " + problem}, option_{std::move(option)} {}

}  // namespace pqlease
