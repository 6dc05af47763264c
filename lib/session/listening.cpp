// The part of Session that deals with notifications.

#include "detail/notifications/channel_name.hpp"
#include "session/session.hpp"

#include <pqxx/except>

#include <memory>
#include <string>
#include <utility>

namespace pqlease::detail {
namespace {

struct FreeNotification {
  void operator()(PGnotify *notification) const noexcept { PQfreemem(notification); }
};
using RawNotification = std::unique_ptr<PGnotify, FreeNotification>;

}  // namespace

template <class F> Reply Session::let_libpqxx(F f) {
  try {
    f();
  } catch (pqxx::failure const &error) {
    return {.message = error.what()};
  }
  take_from_libpq();
  return {.outcome = Reply::Outcome::carried_out};
}

Reply Session::listen(std::string const &channel, LateNotification late, Deadline deadline) {
  auto reply = ask(("LISTEN " + quoted_channel(channel)).c_str(), deadline);
  if (!reply.carried_out()) return reply;
  // libpqxx throws away what it has no handler for. It sends LISTEN once more when it takes one, without a deadline;
  // the server has just shown that it answers.
  return let_libpqxx([&] {
    connection_->listen(channel, [late = std::move(late)](pqxx::notification const &notification) {
      late(notification.channel.c_str(), notification.payload.c_str(), notification.backend_pid);
    });
  });
}

Reply Session::unlisten(std::string const &channel, Deadline deadline) {
  auto reply = ask(("UNLISTEN " + quoted_channel(channel)).c_str(), deadline);
  if (!reply.carried_out()) return reply;
  return let_libpqxx([&] { connection_->listen(channel); });
}

bool Session::read_unasked() noexcept {
  bool const alive = PQconsumeInput(raw_) != 0 && PQstatus(raw_) == CONNECTION_OK;
  take_from_libpq();
  return alive;
}

void Session::collect() noexcept {
  if (sink_ != nullptr && owns_handle()) take_from_libpq();
}

// Of a session that has just broken, too, which is why who calls this has made sure of the handle.
void Session::take_from_libpq() noexcept {
  if (sink_ == nullptr) return;
  while (RawNotification const notification{PQnotifies(raw_)}) {
    sink_->take(notification->relname, notification->extra, notification->be_pid);
  }
}

}  // namespace pqlease::detail
