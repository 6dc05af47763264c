#include <pqlease/errors.hpp>

#include <utility>

namespace pqlease {

Error::~Error() = default;

UncommittedTransaction::UncommittedTransaction(std::string const &what, std::source_location lease_taken)
    : Error{what}, lease_taken_{lease_taken} {}

ConnectionDown::ConnectionDown(std::string const &what, std::string sqlstate, std::chrono::milliseconds retry_in)
    : Error{what}, sqlstate_{std::move(sqlstate)}, retry_in_{retry_in} {}

OutcomeUnknown::OutcomeUnknown(std::string const &what, std::optional<std::uint64_t> transaction_id)
    : Error{what}, transaction_id_{transaction_id} {}

InvalidOption::InvalidOption(std::string option, std::string const &problem, std::string const &of)
    : Error{of + "::" + option + " " + problem}, option_{std::move(option)} {}

}  // namespace pqlease
