#include <pqlease/managed_connection.hpp>

#include "detail/manager.hpp"
#include <pqlease/errors.hpp>

#include <ostream>
#include <utility>

namespace pqlease {
namespace {

using detail::ConninfoSource;
using detail::Deadline;
using detail::Manager;

std::function<std::string()> require_callable(std::function<std::string()> provider) {
  if (!provider) throw InvalidConnectionString{"the function that provides the connection string is empty"};
  return provider;
}

}  // namespace

ManagedConnection::ManagedConnection(std::string conninfo, Options options)
    : manager_{std::make_shared<Manager>(std::make_unique<ConninfoSource>(std::move(conninfo)), std::move(options))} {}

ManagedConnection::ManagedConnection(std::function<std::string()> conninfo, Options options)
    : manager_{std::make_shared<Manager>(std::make_unique<ConninfoSource>(require_callable(std::move(conninfo))),
                                         std::move(options))} {}

ManagedConnection::~ManagedConnection() { shutdown(); }

Lease ManagedConnection::lease(std::source_location where) { return lease(std::stop_token{}, where); }

Lease ManagedConnection::lease(std::stop_token stop, std::source_location where) {
  manager_->acquire(where, manager_->default_deadline(), stop);
  return {manager_, where};
}

Lease ManagedConnection::lease_for(std::chrono::milliseconds timeout, std::source_location where) {
  manager_->acquire(where, Deadline::after(timeout), {});
  return {manager_, where};
}

Lease ManagedConnection::lease_until(std::chrono::steady_clock::time_point deadline, std::source_location where) {
  manager_->acquire(where, Deadline::at(deadline), {});
  return {manager_, where};
}

Lease ManagedConnection::try_lease(std::source_location where) {
  return {manager_->try_acquire(where) ? manager_ : nullptr, where};
}

Status ManagedConnection::status() const noexcept { return manager_->status(); }
bool ManagedConnection::is_open() const noexcept { return manager_->is_open(); }
std::uint64_t ManagedConnection::epoch() const noexcept { return manager_->epoch(); }
Statistics ManagedConnection::statistics() const noexcept { return manager_->statistics(); }
std::string ManagedConnection::conninfo() const { return manager_->name(); }
void ManagedConnection::close(std::source_location where) { manager_->close(where); }
void ManagedConnection::shutdown() noexcept { manager_->shut_down(); }

std::ostream &operator<<(std::ostream &out, ManagedConnection const &manager) {
  return out << "<ManagedConnection: " << manager.conninfo() << " (" << manager.status() << ")>";
}

}  // namespace pqlease
