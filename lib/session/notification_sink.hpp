#pragma once

#include <functional>

namespace pqlease::detail {

/// Takes what the server has told of channels.
class NotificationSink {
public:
  NotificationSink() = default;
  NotificationSink(NotificationSink const &) = delete;
  NotificationSink &operator=(NotificationSink const &) = delete;

  /// By the holder of the lease.
  virtual void take(char const *channel, char const *payload, int backend_pid) noexcept = 0;

  virtual ~NotificationSink() = default;
};

/// The same for what reaches libpqxx instead. Lives as long as the `pqxx::connection`, which its user may move away,
/// and is called by whichever thread uses that. Must not throw: libpqxx calls it in the middle of a statement.
using LateNotification = std::function<void(char const *channel, char const *payload, int backend_pid)>;

}  // namespace pqlease::detail
