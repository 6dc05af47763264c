#include <pqlease/lease.hpp>

#include "detail/manager.hpp"
#include "detail/poison.hpp"
#include <pqlease/errors.hpp>

#include <utility>

namespace pqlease {

using detail::Exit;

[[gnu::hot]] Lease::Lease(std::shared_ptr<detail::Manager> manager, std::source_location where) noexcept
    : manager_{std::move(manager)}, where_{where} {}

// An exception may be in flight here that was not where `other` was made: only what comes later counts as unwinding.
Lease::Lease(Lease &&other) noexcept
    : manager_{std::move(other.manager_)}, where_{other.where_}, close_on_release_{other.close_on_release_} {}

[[gnu::hot]] Lease::~Lease() noexcept(false) { release(); }

[[gnu::hot]] pqxx::connection &Lease::connection() & {
  if (!manager_) throw UsageError{"an empty lease has no connection"};
  return manager_->session().connection();
}

Status Lease::status() const noexcept { return manager_ ? manager_->session().status() : Status::closed; }

std::uint64_t Lease::epoch() const noexcept { return manager_ ? manager_->epoch() : 0; }

[[gnu::hot]] void Lease::release() {
  if (!manager_) return;
  finish(Exit::since(uncaught_));
}

[[gnu::hot]] void Lease::finish(Exit exit) {
  auto const manager = std::exchange(manager_, nullptr);
  detail::LeaseEnd const end{.taken = where_, .exit = exit, .close_requested = close_on_release_};
  try {
    manager->release(end);
  } catch (...) {
    if (exit.may_throw()) throw;
    // Only a message can have failed, for want of memory; the exception in flight is what counts.
  }
}

void Lease::release_after(std::exception_ptr const &error) noexcept {
  if (!manager_) return;
  if (detail::is_poisonous(error)) close_on_release();
  finish(Exit::unwinding());
}

void Lease::rollback() {
  if (!manager_) throw UsageError{"an empty lease has nothing to roll back"};
  manager_->roll_back();
}

Canceller Lease::canceller() {
  if (!manager_) throw UsageError{"an empty lease has nothing to cancel"};
  return Canceller{manager_->cancel_key()};
}

void Lease::adopt() noexcept {
  uncaught_ = std::uncaught_exceptions();  // a number of its own for each thread
  if (manager_) manager_->adopt();
}

}  // namespace pqlease
