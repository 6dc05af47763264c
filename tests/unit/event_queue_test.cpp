#include "detail/notifications/event_queue.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using pqlease::Notification;
using pqlease::detail::Event;
using pqlease::detail::EventQueue;

namespace {

Notification message(std::string channel, std::string payload) {
  return {.channel = std::move(channel), .payload = std::move(payload), .backend_pid = 1};
}

/// "a1" for a message, "a!" for a gap, "*" for a reopened session.
std::string text(Event const &event) {
  if (event.kind == Event::Kind::reopened) return "*";
  return event.notification.channel + (event.notification.is_gap() ? "!" : event.notification.payload);
}

/// All that is in the queue.
std::vector<std::string> drain(EventQueue &queue) {
  std::vector<std::string> all;
  std::uint64_t last = 0;
  while (auto const event = queue.pop()) {
    CHECK(event->sequence > last);
    last = event->sequence;
    all.push_back(text(*event));
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_SUITE_BEGIN("event queue");

TEST_CASE("events come out in the order in which they came in") {
  EventQueue queue{1 << 20};
  CHECK(queue.empty());
  queue.push(message("a", "1"));
  queue.push(message("b", "2"));
  queue.push_reopened();
  queue.push_gap("a");
  queue.push(message("a", "3"));
  CHECK_FALSE(queue.empty());
  CHECK(queue.last_sequence() == 5);
  CHECK(drain(queue) == Texts{"a1", "b2", "*", "a!", "a3"});
  CHECK(queue.empty());
}

TEST_CASE("a gap takes the place of one that nothing has followed on its channel") {
  EventQueue queue{1 << 20};
  queue.push_gap("a");
  queue.push(message("b", "1"));
  queue.push_gap("a");
  queue.push(message("a", "2"));
  queue.push_gap("a");
  CHECK(drain(queue) == Texts{"b1", "a!", "a2", "a!"});
}

TEST_CASE("what does not fit is dropped, and told as a gap in its place, and one for what followed it") {
  EventQueue queue{4 * EventQueue::overhead};
  for (int i = 1; i <= 9; ++i) queue.push(message("a", std::to_string(i)));
  queue.push(message("b", "1"));
  queue.push_reopened();
  CHECK(drain(queue) == Texts{"a1", "a2", "a3", "a!", "b!", "*", "a!"});
}

TEST_CASE("a channel is heard again once half of the room is free") {
  EventQueue queue{4 * (EventQueue::overhead + 2)};
  for (int i = 1; i <= 5; ++i) queue.push(message("a", std::to_string(i)));
  auto const pop = [&] { return queue.pop()->notification.payload; };
  CHECK(pop() == "1");
  CHECK(pop() == "2");
  queue.push(message("a", "dropped"));
  CHECK(pop() == "3");
  queue.push(message("a", "6"));
  CHECK(drain(queue) == Texts{"a4", "a!", "a6"});
}

TEST_CASE("what is dropped after the gap was told is another gap") {
  EventQueue queue{4 * (EventQueue::overhead + 2)};
  for (int i = 1; i <= 5; ++i) queue.push(message("a", std::to_string(i)));
  Texts told;
  auto const pop = [&] { told.push_back(text(*queue.pop())); };
  pop();
  pop();
  queue.push(message("b", "1"));
  pop();
  queue.push(message("b", "2"));
  pop();
  queue.push(message("b", "3"));
  pop();
  CHECK(told == Texts{"a1", "a2", "a3", "a4", "a!"});
  queue.push(message("a", "6"));
  CHECK(drain(queue) == Texts{"b1", "b2", "b3", "a!"});
}

TEST_CASE("a gap for want of room says so, also when it takes the place of another one") {
  EventQueue queue{2 * EventQueue::overhead};
  queue.push(message("a", "1"));
  queue.push(message("a", "2"));
  queue.push_gap("a");
  static_cast<void>(queue.pop());
  auto const overflow = queue.pop();
  REQUIRE(overflow);
  CHECK(overflow->notification.is_gap());
  CHECK(overflow->overflow);
  queue.push_gap("a");
  CHECK_FALSE(queue.pop()->overflow);
}

TEST_CASE("a queue that was emptied takes everything again, and its numbers go on") {
  EventQueue queue{2 * EventQueue::overhead};
  for (int i = 1; i <= 5; ++i) queue.push(message("a", std::to_string(i)));
  auto const last = queue.last_sequence();
  queue.clear();
  CHECK(queue.empty());
  queue.push(message("a", "6"));
  CHECK(queue.last_sequence() == last + 1);
  CHECK(drain(queue) == Texts{"a6"});
}

TEST_SUITE_END();
