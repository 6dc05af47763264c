#include "detail/notifications/event_queue.hpp"

#include <algorithm>
#include <utility>

namespace pqlease::detail {
namespace {

std::size_t size_of(Event const &event) noexcept {
  return EventQueue::overhead + event.notification.channel.size() + event.notification.payload.size();
}

}  // namespace

void EventQueue::push(Notification notification) {
  if (auto const dropping = dropping_.find(notification.channel); dropping != dropping_.end()) {
    dropping->second = true;
    return;
  }
  Event event{.notification = std::move(notification)};
  if (bytes_ + size_of(event) <= most_bytes_) return append(std::move(event));
  dropping_.emplace(event.notification.channel, false);
  push_gap(event.notification.channel, true);
}

void EventQueue::push_gap(std::string const &channel, bool overflow) {
  auto const last = std::ranges::find_if(events_.rbegin(), events_.rend(), [&](Event const &event) {
    return event.kind == Event::Kind::notification && event.notification.channel == channel;
  });
  if (last != events_.rend() && last->notification.is_gap()) {
    overflow |= last->overflow;
    bytes_ -= size_of(*last);
    events_.erase(std::next(last).base());
  }
  append({.notification = {.kind = Notification::Kind::gap, .channel = channel}, .overflow = overflow});
}

void EventQueue::push_reopened() { append({.kind = Event::Kind::reopened}); }

void EventQueue::append(Event event) {
  event.sequence = last_sequence_ + 1;
  auto const size = size_of(event);
  events_.push_back(std::move(event));
  bytes_ += size;
  ++last_sequence_;
}

std::optional<Event> EventQueue::pop() {
  if (events_.empty()) return std::nullopt;
  if (!dropping_.empty() && bytes_ - size_of(events_.front()) <= most_bytes_ / 2) stop_dropping();
  std::optional<Event> event{std::move(events_.front())};
  events_.pop_front();
  bytes_ -= size_of(*event);
  return event;
}

/// The gap of the first notification that did not fit may have been told already, and handlers may have come since.
void EventQueue::stop_dropping() {
  for (auto const &[channel, more_dropped] : dropping_) {
    if (more_dropped) push_gap(channel, true);
  }
  dropping_.clear();
}

void EventQueue::clear() noexcept {
  events_.clear();
  dropping_.clear();
  bytes_ = 0;
}

}  // namespace pqlease::detail
