#include <pqlease/managed_connection.hpp>

#include "detail/atomic_run.hpp"
#include "detail/manager.hpp"
#include <pqlease/errors.hpp>

#include <ostream>
#include <utility>

namespace pqlease {
namespace {

using detail::ConninfoSource;
using detail::Deadline;
using detail::Manager;

auto const &in_this_process(std::shared_ptr<Manager> const &manager) { return Manager::in_this_process(manager); }

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

ManagedConnection::~ManagedConnection() {
  auto &manager = Manager::known_in_this_process(manager_);
  manager.shut_down();
  manager.join_background();
}

// By value: a thread that waits still needs the state when the manager is destroyed meanwhile.
[[gnu::hot]] Lease ManagedConnection::take(std::shared_ptr<Manager> manager, std::source_location where,
                                           detail::Patience const &patience, std::stop_token const &stop) {
  manager->acquire(where, patience, stop);
  return {std::move(manager), where};
}

[[gnu::hot]] Lease ManagedConnection::lease(std::source_location where) { return lease(std::stop_token{}, where); }

[[gnu::hot]] Lease ManagedConnection::lease(std::stop_token stop, std::source_location where) {
  auto const &manager = in_this_process(manager_);
  return take(manager, where, manager->default_patience(), stop);
}

Lease ManagedConnection::lease_for(std::chrono::milliseconds timeout, std::source_location where) {
  bool const no_waiting = timeout <= std::chrono::milliseconds::zero();
  auto const deadline = Deadline::after(timeout);
  return take(in_this_process(manager_), where,
              {.queue = deadline, .session = no_waiting ? Deadline::never() : deadline}, {});
}

Lease ManagedConnection::lease_until(std::chrono::steady_clock::time_point deadline, std::source_location where) {
  return take(in_this_process(manager_), where, {.queue = Deadline::at(deadline), .session = Deadline::at(deadline)},
              {});
}

Lease ManagedConnection::try_lease(std::source_location where) {
  auto manager = in_this_process(manager_);  // outlives this object, as take() says
  if (!manager->try_acquire(where)) manager.reset();
  return {std::move(manager), where};
}

void ManagedConnection::prepare(std::string name, std::string sql) {
  auto const &manager = in_this_process(manager_);
  manager->require_lasting_session("a prepared statement");
  manager->prepare(std::move(name), std::move(sql));
}

AtomicOptions const &ManagedConnection::default_atomic_options() noexcept {
  static AtomicOptions const options;
  return options;
}

void ManagedConnection::run(AtomicOptions const &options, detail::BlockBody const &body, std::source_location where) {
  auto const manager = in_this_process(manager_);  // outlives this object, as take() says
  detail::run_atomic(*manager, options, where, body);
}

Transaction ManagedConnection::begin(BeginOptions const &options, std::source_location where) {
  auto manager = in_this_process(manager_);  // outlives this object, as take() says
  auto const request = detail::make_request(options, where);
  if (manager->is_in_block()) {
    manager->blocks().enter(request);
  } else {
    detail::open_block(*manager, request);
  }
  return {std::move(manager), where};
}

void ManagedConnection::on_commit(std::function<void()> callback) {
  auto const &manager = in_this_process(manager_);
  if (!manager->is_in_block()) throw UsageError{"on_commit() outside of an atomic block"};
  if (!callback) throw UsageError{"on_commit() was given an empty function"};
  manager->blocks().on_commit(std::move(callback));
}

Status ManagedConnection::status() const noexcept { return Manager::known_in_this_process(manager_).status(); }
bool ManagedConnection::is_open() const noexcept { return Manager::known_in_this_process(manager_).is_open(); }
std::uint64_t ManagedConnection::epoch() const noexcept { return Manager::known_in_this_process(manager_).epoch(); }
Statistics ManagedConnection::statistics() const noexcept {
  return Manager::known_in_this_process(manager_).statistics();
}
std::string ManagedConnection::conninfo() const { return in_this_process(manager_)->name(); }
void ManagedConnection::close(std::source_location where) {
  auto const manager = in_this_process(manager_);  // outlives this object, as take() says
  manager->close(where);
}
void ManagedConnection::shutdown() noexcept { Manager::known_in_this_process(manager_).shut_down(); }

std::ostream &operator<<(std::ostream &out, ManagedConnection const &manager) {
  return out << "<ManagedConnection: " << manager.conninfo() << " (" << manager.status() << ")>";
}

}  // namespace pqlease
