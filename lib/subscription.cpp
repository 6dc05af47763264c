#include <pqlease/subscription.hpp>

#include "detail/notifications/courier.hpp"

namespace pqlease {

Subscription &Subscription::operator=(Subscription &&other) noexcept {
  if (this == &other) return *this;
  end();
  observer_ = std::move(other.observer_);
  courier_ = std::move(other.courier_);
  return *this;
}

void Subscription::end() noexcept {
  auto const observer = std::exchange(observer_, nullptr);
  if (!observer) return;
  if (auto const courier = std::exchange(courier_, {}).lock()) courier->forget(*observer);
  observer->end();
}

}  // namespace pqlease
