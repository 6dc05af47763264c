#pragma once

#include <cstdint>
#include <string>

namespace pqlease {

/// What a handler of a channel is told.
struct Notification {
  enum class Kind : std::uint8_t {
    message,  ///< somebody has sent NOTIFY
    gap,      ///< notifications may have been missed just before this moment; what depends on them is to be read anew
  };

  Kind kind{Kind::message};
  std::string channel{};  ///< as it was given to ManagedConnection::listen()
  std::string payload{};  ///< what was sent along; of a message only
  int backend_pid{0};     ///< the sender's server process; of a message only

  [[nodiscard]] bool is_gap() const noexcept { return kind == Kind::gap; }

  [[nodiscard]] friend bool operator==(Notification const &, Notification const &) = default;
};

}  // namespace pqlease
