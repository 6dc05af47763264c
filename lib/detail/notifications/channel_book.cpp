#include "detail/notifications/channel_book.hpp"

#include <algorithm>
#include <utility>

namespace pqlease::detail {
namespace {

auto is(Observer const &observer) {
  return [&](auto const &entry) { return entry.observer.get() == &observer; };
}

}  // namespace

bool ChannelBook::add(std::shared_ptr<Observer> observer, std::uint64_t sequence) {
  if (observer->channel().empty()) {
    reopen_.push_back({.observer = std::move(observer), .since = sequence, .is_new = false});
    return true;
  }
  auto &channel = channels_[observer->channel()];
  channel.entries.push_back({.observer = std::move(observer), .since = sequence, .is_new = !channel.listened});
  return channel.listened;
}

void ChannelBook::remove(Observer const &observer) {
  if (observer.channel().empty()) {
    std::erase_if(reopen_, is(observer));
    return;
  }
  auto const found = channels_.find(observer.channel());
  if (found == channels_.end()) return;
  auto &channel = found->second;
  std::erase_if(channel.entries, is(observer));
  if (channel.entries.empty() && !channel.listened) channels_.erase(found);
}

bool ChannelBook::nothing_promised(Observer const &observer) {
  auto const found = channels_.find(observer.channel());
  if (found == channels_.end()) return false;
  auto &entries = found->second.entries;
  auto const entry = std::ranges::find_if(entries, is(observer));
  if (entry != entries.end()) entry->is_new = false;
  return found->second.listened;
}

void ChannelBook::session_opened() {
  for (auto &[name, channel] : channels_) {
    channel.listened = false;
    channel.retry_at.reset();
  }
  std::erase_if(channels_, [](auto const &item) { return item.second.entries.empty(); });
}

std::optional<ChannelStep> ChannelBook::next_step(TimePoint now) {
  auto const due = std::ranges::find_if(channels_, [=](auto const &item) { return item.second.is_due(now); });
  if (due == channels_.end()) return std::nullopt;
  if (!due->second.listened) return ChannelStep{ChannelStep::Kind::listen, due->first};
  ChannelStep step{ChannelStep::Kind::unlisten, due->first};
  channels_.erase(due);
  return step;
}

bool ChannelBook::has_step(TimePoint now) const noexcept {
  return std::ranges::any_of(channels_, [=](auto const &item) { return item.second.is_due(now); });
}

ChannelBook::TimePoint ChannelBook::next_retry() const noexcept {
  auto next = TimePoint::max();
  for (auto const &[name, channel] : channels_) {
    if (!channel.listened && channel.retry_at) next = std::min(next, *channel.retry_at);
  }
  return next;
}

bool ChannelBook::listened_to(std::string const &channel, std::uint64_t sequence) {
  auto &known = channels_[channel];
  known.listened = true;
  known.retry_at.reset();
  bool const missed = !std::ranges::all_of(known.entries, &Entry::is_new);
  for (auto &entry : known.entries) {
    if (std::exchange(entry.is_new, false)) entry.since = missed ? sequence + 1 : sequence;
  }
  return missed;
}

bool ChannelBook::refused(std::string const &channel, TimePoint retry_at) {
  auto const found = channels_.find(channel);
  if (found == channels_.end()) return false;
  return !std::exchange(found->second.retry_at, retry_at).has_value();
}

bool ChannelBook::wants_session() const noexcept {
  return std::ranges::any_of(channels_, [](auto const &item) { return !item.second.entries.empty(); });
}

bool ChannelBook::is_heard(std::string_view channel) const noexcept {
  auto const found = channels_.find(channel);
  return found != channels_.end() && found->second.listened && !found->second.entries.empty();
}

std::vector<std::string> ChannelBook::channels() const {
  std::vector<std::string> names;
  for (auto const &[name, channel] : channels_) {
    if (!channel.entries.empty()) names.push_back(name);
  }
  return names;
}

ChannelBook::Observers ChannelBook::concerned(std::string_view channel, std::uint64_t sequence) const {
  Observers observers;
  auto const *const entries = entries_of(channel);
  if (entries == nullptr) return observers;
  for (auto const &entry : *entries) {
    if (!entry.is_new && entry.since < sequence) observers.push_back(entry.observer);
  }
  return observers;
}

void ChannelBook::clear() noexcept {
  channels_.clear();
  reopen_.clear();
}

ChannelBook::Entries const *ChannelBook::entries_of(std::string_view channel) const noexcept {
  if (channel.empty()) return &reopen_;
  auto const found = channels_.find(channel);
  return found == channels_.end() ? nullptr : &found->second.entries;
}

}  // namespace pqlease::detail
