#include <pqlease/status.hpp>

#include <ostream>

namespace pqlease {

std::string_view to_string(Status status) noexcept {
  switch (status) {
  case Status::closed:
    return "closed";
  case Status::idle:
    return "idle";
  case Status::active:
    return "active";
  case Status::in_transaction:
    return "in_transaction";
  case Status::in_error:
    return "in_error";
  case Status::unknown:
    return "unknown";
  case Status::leased:
    return "leased";
  }
  return "invalid";
}

std::ostream &operator<<(std::ostream &out, Status status) { return out << to_string(status); }

}  // namespace pqlease
