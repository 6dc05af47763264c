#include "detail/lease_line.hpp"

#include <algorithm>
#include <utility>

namespace pqlease::detail {

[[gnu::hot]] std::optional<Grant> LeaseLine::refusal(std::thread::id thread) const noexcept {
  if (shut_down_) return Grant::shut_down;
  if (holder_.thread == thread) return Grant::recursive;
  return std::nullopt;
}

[[gnu::hot]] bool LeaseLine::take(Requester const &requester, TimePoint now) noexcept {
  if (!is_free()) return false;
  if (first_ != nullptr && barged_++ == 0) passed_since_ = now;
  grant_to(requester, now);
  return true;
}

bool LeaseLine::join(Place &place) noexcept {
  if (limits_.max_waiters != 0 && waiting_ >= limits_.max_waiters) return false;
  if (first_ == nullptr && last_was_short_) ++place.calls;
  place.previous = last_;
  (last_ == nullptr ? first_ : last_->next) = &place;
  last_ = &place;
  ++waiting_;
  return true;
}

std::optional<Grant> LeaseLine::consider(Place &place, TimePoint now) noexcept {
  if (claim(place, now)) return Grant::granted;
  if (!shut_down_ && !place.cancelled && now < place.deadline) return std::nullopt;
  unlink(place);
  if (shut_down_) return Grant::shut_down;
  return place.cancelled ? Grant::cancelled : Grant::taken;
}

LeaseLine::TimePoint LeaseLine::consider_at(Place const &place, TimePoint now) const noexcept {
  if (!reports_holds()) return place.deadline;
  return std::min({place.deadline, overdue_at(), now + limits_.hold_warning});
}

unsigned LeaseLine::max_barging() const noexcept {
  return static_cast<unsigned>(std::clamp<std::size_t>(waiting_ / waiters_per_barging, 1, most_barging));
}

/// Whether the lease is this place's: granted already, or free and this place is the first.
bool LeaseLine::claim(Place &place, TimePoint now) noexcept {
  if (place.granted_at) return true;
  if (shut_down_ || !is_free() || &place != first_) return false;
  unlink(place);
  place.granted_at = now;
  barged_ = 0;
  grant_to(place.requester, now);
  return true;
}

[[gnu::hot]] Returned LeaseLine::release(Use use, TimePoint now) noexcept {
  Returned returned{.holder = std::exchange(holder_, Holder{}),
                    .was_overdue = std::exchange(told_overdue_, false),
                    .shut_down = shut_down_,
                    .wake = nullptr};
  last_was_short_ = now - returned.holder.since <= limits_.longest_watch;
  if (shut_down_ || first_ == nullptr) return returned;
  if (!is_turn_of_first(use, now)) {
    returned.wake = call_first();
    return returned;
  }
  auto &next = *first_;
  static_cast<void>(claim(next, now));
  returned.wake = next.watching ? call_ahead() : &next;
  return returned;
}

Place *LeaseLine::call_ahead() noexcept { return last_was_short_ && first_ != nullptr ? call_first() : nullptr; }

/// Whether a lease that comes back is the first in line's, rather than free.
bool LeaseLine::is_turn_of_first(Use use, TimePoint now) const noexcept {
  if (use == Use::block) return barged_ != 0 && now - passed_since_ >= longest_passing;
  return first_->watching || barged_ >= max_barging();
}

/// Returns whom to wake for it: nobody when that one watches.
Place *LeaseLine::call_first() noexcept {
  ++first_->calls;
  return first_->watching ? nullptr : first_;
}

bool LeaseLine::shut_down() noexcept { return !std::exchange(shut_down_, true) && is_free(); }

/// When the holder will have had the lease for too long; the far future when nobody has to be told.
LeaseLine::TimePoint LeaseLine::overdue_at() const noexcept {
  bool const nothing_to_tell = !reports_holds() || is_free() || excused_ || told_overdue_;
  return nothing_to_tell ? TimePoint::max() : watched_since_ + limits_.hold_warning;
}

std::optional<Overdue> LeaseLine::overdue(TimePoint now) noexcept {
  if (now < overdue_at()) return std::nullopt;
  told_overdue_ = true;
  return Overdue{.holder = holder_, .waiters = waiting_};
}

[[gnu::hot]] void LeaseLine::end_excuse(TimePoint now) noexcept {
  excused_ = false;
  watched_since_ = now;
}

[[gnu::hot]] void LeaseLine::grant_to(Requester const &requester, TimePoint now) noexcept {
  holder_ = {.thread = requester.thread, .where = requester.where, .since = now};
  end_excuse(now);
}

void LeaseLine::unlink(Place &place) noexcept {
  (place.previous == nullptr ? first_ : place.previous->next) = place.next;
  (place.next == nullptr ? last_ : place.next->previous) = place.previous;
  if (--waiting_ == 0) barged_ = 0;
}

}  // namespace pqlease::detail
