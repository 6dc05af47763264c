// The part of ManagedConnection that deals with notifications.

#include "detail/manager.hpp"
#include "detail/notifications/channel_name.hpp"
#include "detail/notifications/courier.hpp"
#include <pqlease/errors.hpp>
#include <pqlease/managed_connection.hpp>

#include <pqxx/nontransaction>
#include <pqxx/params>

#include <utility>

namespace pqlease {

using detail::Manager;

Subscription ManagedConnection::listen(std::string channel, std::function<void(Notification const &)> handler) {
  detail::require_channel_name(channel);
  if (!handler) throw UsageError{"the handler of a channel is empty"};
  auto const manager =
      Manager::in_this_process(manager_);  // may be the last one to know it, if a callback destroys this
  manager->require_lasting_session("a LISTEN");
  return manager->courier().subscribe(std::move(channel), std::move(handler));
}

Subscription ManagedConnection::on_reopen(std::function<void()> callback) {
  if (!callback) throw UsageError{"the callback for reopened sessions is empty"};
  auto const manager = Manager::in_this_process(manager_);
  return manager->courier().subscribe(
      {}, [callback = std::move(callback)](Notification const & /*says nothing*/) { callback(); });
}

void ManagedConnection::notify(std::string_view channel, std::string_view payload, std::source_location where) {
  detail::require_channel_name(channel);
  if (payload.find('\0') != std::string_view::npos) throw UsageError{"a payload must not have a zero byte"};
  auto const send = [&](pqxx::transaction_base &transaction) {
    transaction.exec("SELECT pg_notify($1, $2)", pqxx::params{channel, payload});
  };
  auto const manager = Manager::in_this_process(manager_);
  if (manager->is_in_block()) return send(manager->blocks().transaction());
  with_lease(
      [&](pqxx::connection &connection) {
        pqxx::nontransaction transaction{connection};
        send(transaction);
      },
      where);
}

}  // namespace pqlease
