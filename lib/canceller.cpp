#include <pqlease/canceller.hpp>

#include "session/cancel.hpp"

#include <utility>

namespace pqlease {

Canceller::Canceller(std::shared_ptr<detail::CancelKey> key) noexcept : key_{std::move(key)} {}

bool Canceller::cancel(std::chrono::milliseconds timeout) const noexcept {
  return key_ && key_->cancel(detail::Deadline::after(timeout));
}

}  // namespace pqlease
