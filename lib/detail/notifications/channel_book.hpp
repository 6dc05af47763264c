#pragma once

#include "detail/notifications/observer.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pqlease::detail {

/// What is to be done to the session next.
struct ChannelStep {
  enum class Kind : std::uint8_t { listen, unlisten };
  Kind kind;
  std::string channel;

  friend bool operator==(ChannelStep const &, ChannelStep const &) = default;
};

/// Which channels have handlers, which of them the session listens to, and what it takes to make the one the other; and
/// the handlers of reopened sessions, as those of a channel without a name that nobody needs to listen to.
///
/// It decides and remembers, and does nothing else: no mutex, no clock, no I/O.
///
/// Thread safety: none.
class ChannelBook {
public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Observers = std::vector<std::shared_ptr<Observer>>;

  /// One more handler, that is told what comes after the event `sequence`. Returns whether its channel is listened to
  /// already; if not, it is new until listened_to() or nothing_promised().
  bool add(std::shared_ptr<Observer> observer, std::uint64_t sequence);

  /// One less.
  void remove(Observer const &observer);

  /// From now on a channel that is listened to without this handler having been there will be a gap for it.
  /// Returns whether the channel is listened to.
  bool nothing_promised(Observer const &observer);

  /// There is another session, which listens to nothing.
  void session_opened();

  /// The next step, if any is due. One that ends listening counts as taken at once.
  [[nodiscard]] std::optional<ChannelStep> next_step(TimePoint now);

  /// The same question, with nothing taken.
  [[nodiscard]] bool has_step(TimePoint now) const noexcept;

  /// When a channel that the server refused is due again.
  [[nodiscard]] TimePoint next_retry() const noexcept;

  /// The session listens to a channel now, after the event `sequence`. Returns whether one of its handlers may have
  /// missed something, and has to be told by an event of the number that follows; new ones have not.
  [[nodiscard]] bool listened_to(std::string const &channel, std::uint64_t sequence);

  /// The server does not let the session listen to a channel. Returns whether that is news.
  [[nodiscard]] bool refused(std::string const &channel, TimePoint retry_at);

  /// Whether some channel has handlers.
  [[nodiscard]] bool wants_session() const noexcept;

  /// Whether this channel has, and the session listens to it.
  [[nodiscard]] bool is_heard(std::string_view channel) const noexcept;

  /// Every channel that has handlers.
  [[nodiscard]] std::vector<std::string> channels() const;

  /// Whom an event concerns, in the order in which they came.
  [[nodiscard]] Observers concerned(std::string_view channel, std::uint64_t sequence) const;

  void clear() noexcept;

private:
  struct Entry {
    std::shared_ptr<Observer> observer;
    std::uint64_t since;
    bool is_new;
  };
  using Entries = std::vector<Entry>;
  struct Channel {
    Entries entries{};
    bool listened{false};
    std::optional<TimePoint> retry_at{};  // of one that was refused

    [[nodiscard]] bool is_due(TimePoint now) const noexcept {
      return listened ? entries.empty() : !entries.empty() && (!retry_at || *retry_at <= now);
    }
  };

  [[nodiscard]] Entries const *entries_of(std::string_view channel) const noexcept;

  std::map<std::string, Channel, std::less<>> channels_{};
  Entries reopen_{};
};

}  // namespace pqlease::detail
