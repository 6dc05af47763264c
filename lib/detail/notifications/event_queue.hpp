#pragma once

#include <pqlease/notification.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace pqlease::detail {

/// Something that handlers are to be told.
struct Event {
  enum class Kind : std::uint8_t {
    notification,  ///< to the channel's handlers
    reopened,      ///< to the handlers of reopened sessions
  };

  Kind kind{Kind::notification};
  Notification notification{};
  bool overflow{false};       ///< a gap, since handlers were too slow
  std::uint64_t sequence{0};  ///< grows from event to event
};

/// What waits for the handlers, in order of arrival, and bounded in size.
///
/// When it is full a channel's next notification becomes a gap, and what follows on that channel is dropped until half
/// of the room is free again, which is one more gap, unless the first one is still there to be told in its place.
///
/// Thread safety: none.
class EventQueue {
public:
  /// What a notification takes up beside its text, roughly.
  static constexpr std::size_t overhead = 256;

  explicit EventQueue(std::size_t most_bytes) : most_bytes_{most_bytes} {}

  void push(Notification notification);

  /// Takes the place of a gap on the same channel that nothing has followed there.
  void push_gap(std::string const &channel, bool overflow = false);
  void push_reopened();

  [[nodiscard]] std::optional<Event> pop();

  [[nodiscard]] bool empty() const noexcept { return events_.empty(); }

  /// Of the latest event; who is to be told later ones only remembers it.
  [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_sequence_; }

  void clear() noexcept;

private:
  void append(Event event);
  void stop_dropping();

  std::size_t const most_bytes_;
  std::deque<Event> events_{};
  std::size_t bytes_{0};
  std::map<std::string, bool>
      dropping_{};  // channels without room; and whether their gap is not the last that was lost
  std::uint64_t last_sequence_{0};
};

}  // namespace pqlease::detail
