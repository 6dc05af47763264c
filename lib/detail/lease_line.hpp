#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <source_location>
#include <thread>

namespace pqlease::detail {

/// Who asks for the lease, and where.
struct Requester {
  std::thread::id thread;
  std::source_location where;
};

/// Who uses the session.
struct Holder {
  std::thread::id thread;  ///< the default id when nobody does
  std::source_location where;
  std::chrono::steady_clock::time_point since;
};

/// What a lease was used for. It decides how the next one follows.
enum class Use {
  plain,  ///< what its user does with it, mostly one statement
  block,  ///< an atomic block: several round trips, each of which is dearer where the last one did not run
};

/// How a request for the lease ended.
enum class Grant {
  granted,    ///< the caller is the holder now
  taken,      ///< somebody else holds it, and the deadline has passed
  cancelled,  ///< the stop token was triggered
  crowded,    ///< as many threads wait as may
  recursive,  ///< the caller holds it already
  shut_down,  ///< the queue is closed for good
};

/// A place in the line. It belongs to the one who waits, and leaves the line before it is gone.
struct Place {
  Requester requester;
  std::chrono::steady_clock::time_point deadline{std::chrono::steady_clock::time_point::max()};
  bool cancelled{false};  ///< set by whoever cancels the wait
  bool watching{false};   ///< set by the one who waits: awake, and sees by itself when the lease is free or its own
  std::optional<std::chrono::steady_clock::time_point> granted_at{};
  unsigned calls{0};  ///< how often it was told to be there: the lease is free, or about to come back
  Place *previous{nullptr};
  Place *next{nullptr};
};

/// What the line is told when it is made.
struct LineLimits {
  std::size_t max_waiters{0};                 ///< 0: no bound
  std::chrono::milliseconds hold_warning{0};  ///< 0: off

  /// For how long the first in line stays awake at a time: a few short statements. A lease that was not over within
  /// this time says that the next one will not be either.
  std::chrono::microseconds longest_watch{200};
};

/// A lease that has lasted for too long.
struct Overdue {
  Holder holder;
  std::size_t waiters{0};
};

/// A lease that came back, and what is to be done next.
struct Returned {
  Holder holder;
  bool was_overdue{false};  ///< overdue() has told of it
  bool shut_down{false};    ///< the caller alone may use what the lease was for
  Place *wake{nullptr};     ///< who must be woken: to look again, by consider(), or to be there in time
};

/// Who may use the session next: in order of arrival, with bounded barging. It decides and remembers, and does nothing
/// else: no mutex, no clock, no thread.
///
/// A thread takes time to wake up, in which the session would idle. So while leases are short, whoever becomes first in
/// line, because the one before got the lease or nobody waits yet, is called at once, and watches. A lease that comes
/// back goes to a first in line that watches directly.
///
/// A lease that comes back while the first in line sleeps is left free, and the first in line is called. Whoever runs
/// at that moment, mostly the thread that gave it back, may take it until the first in line is there (barging). After
/// so many leases as max_barging() have passed the first in line, it goes to the first in line directly.
///
/// The lease of an atomic block is left free first, watched or not. Whoever runs may take it, until a block comes back
/// that ends longest_passing after the first lease that passed the first in line began; that one goes to the first in
/// line directly. So nobody starves.
///
/// Thread safety: none.
class LeaseLine {
public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::size_t waiters_per_barging = 16;
  static constexpr std::size_t most_barging = 3;
  static constexpr std::chrono::microseconds longest_passing{500};

  explicit LeaseLine(LineLimits limits) noexcept : limits_{limits} {}

  /// Why this thread cannot even wait: recursive or shut_down.
  [[nodiscard]] std::optional<Grant> refusal(std::thread::id thread) const noexcept;

  /// Takes the lease if it is free, even before those in line.
  [[nodiscard]] bool take(Requester const &requester, TimePoint now) noexcept;

  /// Lines up. Returns false when as many wait as may.
  [[nodiscard]] bool join(Place &place) noexcept;

  /// Grants or refuses the lease to a place in line, if it is time to; the place has then left the line. The first in
  /// line takes a free lease even when its time ran out meanwhile, so that no hand-over gets lost.
  [[nodiscard]] std::optional<Grant> consider(Place &place, TimePoint now) noexcept;

  /// When the place must be considered again though nobody woke it. Nobody wakes it for a new holder, or for one
  /// that is excused no longer, either of which may become overdue.
  [[nodiscard]] TimePoint consider_at(Place const &place, TimePoint now) const noexcept;

  /// By the holder.
  [[nodiscard]] Returned release(Use use, TimePoint now) noexcept;

  /// Calls the first in line, if the lease is likely to be over while it watches. By who got the lease from the line.
  /// Returns whom to wake for it, if anybody.
  [[nodiscard]] Place *call_ahead() noexcept;

  // By the holder: between these two it only waits for the server, and is not overdue; its time counts anew afterwards.
  void excuse() noexcept { excused_ = true; }
  void end_excuse(TimePoint now) noexcept;

  /// By the holder: the lease is another thread's now.
  void adopt(std::thread::id thread) noexcept { holder_.thread = thread; }

  /// From now on every request is refused. Returns true when nobody held the lease, and only once: then the caller
  /// alone may use what the lease was for. Those in line must be considered again.
  [[nodiscard]] bool shut_down() noexcept;

  /// The holder, if it has had the lease for too long and nobody was told yet. Once for every lease.
  [[nodiscard]] std::optional<Overdue> overdue(TimePoint now) noexcept;

  /// How many leases may pass a first in line that sleeps: one for every sixteen that wait, from one to three. With
  /// one, every second lease goes by order of arrival. The longer the line, the less a few more add to a wait, and the
  /// more the change of threads costs.
  [[nodiscard]] unsigned max_barging() const noexcept;

  [[nodiscard]] LineLimits const &limits() const noexcept { return limits_; }
  [[nodiscard]] bool reports_holds() const noexcept { return limits_.hold_warning.count() != 0; }
  [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_; }
  [[nodiscard]] bool is_free() const noexcept { return holder_.thread == std::thread::id{}; }
  [[nodiscard]] Holder const &holder() const noexcept { return holder_; }
  [[nodiscard]] std::size_t waiters() const noexcept { return waiting_; }
  [[nodiscard]] Place *first() const noexcept { return first_; }

private:
  [[nodiscard]] bool claim(Place &place, TimePoint now) noexcept;
  [[nodiscard]] bool is_turn_of_first(Use use, TimePoint now) const noexcept;
  [[nodiscard]] Place *call_first() noexcept;
  [[nodiscard]] TimePoint overdue_at() const noexcept;
  void grant_to(Requester const &requester, TimePoint now) noexcept;
  void unlink(Place &place) noexcept;

  LineLimits const limits_;
  Holder holder_{};
  TimePoint watched_since_{};
  bool excused_{false};
  bool told_overdue_{false};
  bool shut_down_{false};
  bool last_was_short_{false};  // the lease that came back last
  Place *first_{nullptr};
  Place *last_{nullptr};
  std::size_t waiting_{0};
  unsigned barged_{0};        // leases that have passed the first in line
  TimePoint passed_since_{};  // when the first of them began
};

}  // namespace pqlease::detail
