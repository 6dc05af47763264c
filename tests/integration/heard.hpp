#pragma once

#include "fixture.hpp"
#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace pqlease::testing {

/// What handlers were told, for a test that waits for it.
///
/// Thread safety: any thread.
class Heard {
public:
  /// A handler that writes down what it hears, as "channel: payload" or "channel: (gap)".
  [[nodiscard]] std::function<void(Notification const &)> handler(std::string prefix = {});

  /// Writes down anything else.
  void add(std::string line);

  /// Waits until so much was heard; returns all of it, and in time less.
  [[nodiscard]] std::vector<std::string> wait_for(std::size_t count);

  /// What was heard so far.
  [[nodiscard]] std::vector<std::string> lines() const;

private:
  mutable std::mutex mutex_;  // guards lines_
  std::condition_variable more_;
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

/// A channel that no other test run uses.
[[nodiscard]] std::string unique_channel();

/// A manager with one handler, which writes down what it hears on a channel of its own.
class Listener : public Fixture {
public:
  Heard heard{};
  std::string const channel{unique_channel()};

private:
  Subscription const subscription_{manager.listen(channel, heard.handler())};
};

/// A moment that one thread waits for and another one brings about. A test that fails does not hang.
class Moment {
public:
  void come();

  /// Returns whether it came within 20 s.
  [[nodiscard]] bool wait();

private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool has_come_{false};
};

/// Looks again and again whether something has become true, for 20 s.
[[nodiscard]] bool becomes_true(std::function<bool()> const &condition);

/// NOTIFY by a session of its own.
void notify_from_outside(std::string const &channel, std::string const &payload);

/// What the server says about the manager's session.
[[nodiscard]] Lines listening_channels(ManagedConnection &manager);

/// Asked while this thread holds the lease: whether anybody waits for it.
[[nodiscard]] bool somebody_waits(ManagedConnection &manager);

}  // namespace pqlease::testing
