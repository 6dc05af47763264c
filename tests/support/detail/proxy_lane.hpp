#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>

namespace pqlease::testing {

/// How a connection is ended.
enum class Ending {
  finish,  ///< with a FIN, as by a server that exits
  reset,   ///< with an RST, as by a crashed machine or a firewall
};

/// One direction of a proxied connection: bytes on their way from one socket to another. Never blocks.
class ProxyLane {
public:
  using Clock = std::chrono::steady_clock;

  /// Takes what the source has, to be sent when it is `due`. Returns how many bytes.
  std::size_t receive(int source, Clock::time_point due);

  /// Takes what the source has, and forgets it.
  std::size_t swallow(int source);

  /// Sends what is due. Returns how many bytes.
  std::size_t send(int sink, Clock::time_point now);

  /// Lets the next BackendKeyData not through. Source: PostgreSQL, chapter "Message Formats".
  void withhold_key() noexcept { withholds_key_ = true; }

  /// Lets so many more bytes through, counted from the next chunk, and ends there.
  void end_after(std::size_t bytes, Ending ending);

  [[nodiscard]] bool wants_to_receive() const noexcept { return !ending_ && waiting_bytes_ < capacity; }
  [[nodiscard]] bool wants_to_send(Clock::time_point now) const noexcept { return !due() ? false : *due() <= now; }

  /// When the next bytes are to be sent, if there are any.
  [[nodiscard]] std::optional<Clock::time_point> due() const noexcept;

  /// Whether it was end_after() that ended the lane.
  [[nodiscard]] bool is_cut() const noexcept { return limit_ && limit_->bytes == 0; }

  /// How the lane has ended, once all that it had taken was sent.
  [[nodiscard]] std::optional<Ending> over() const noexcept { return chunks_.empty() ? ending_ : std::nullopt; }

private:
  struct Chunk {
    Clock::time_point due;
    std::string bytes;
  };
  struct Limit {
    std::size_t bytes;
    Ending ending;
  };
  static constexpr std::size_t capacity = 256 * 1024;

  [[nodiscard]] std::string read_from(int source);
  void drop_key(std::string &bytes);
  void fail() noexcept;

  std::deque<Chunk> chunks_{};
  std::size_t waiting_bytes_{0};
  std::optional<Limit> limit_{};
  bool withholds_key_{false};
  std::optional<Ending> ending_{};  ///< set as soon as nothing more will come
};

}  // namespace pqlease::testing
