#include "session/interrupt.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace pqlease::detail {

Interrupt::Interrupt() noexcept : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

Interrupt::~Interrupt() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Interrupt::trigger() const noexcept {
  if (descriptor_ >= 0) ::eventfd_write(descriptor_, 1);
}

}  // namespace pqlease::detail
