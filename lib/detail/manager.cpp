#include "detail/manager.hpp"

#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <spdlog/fmt/fmt.h>

#include <new>
#include <utility>

namespace pqlease::detail {
namespace {

Options validated(Options options) {
  validate(options);
  return options;
}

std::uint64_t next_lineage() noexcept {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

bool is_live(Status status) noexcept { return status != Status::closed && status != Status::unknown; }

}  // namespace

Manager::Manager(std::unique_ptr<ConninfoSource> source, Options options)
    : lineage_{next_lineage()},
      options_{validated(std::move(options))},
      log_{options_.logger},
      source_{std::move(source)},
      queue_{{.max_waiters = options_.max_waiters, .hold_warning = options_.hold_warning},
             [this](Overdue const &overdue) { warn_of_hold(overdue); }},
      preparer_{statements_, *source_, log_},
      opener_{options_, *source_, preparer_, counters_, log_},
      reconnection_{options_, *source_, log_},
      blocks_{session_, *source_, options_} {}

Manager::~Manager() {
  delete successor_.load(std::memory_order_acquire);
  if (birth_.is_another()) {
    // A thread of the parent may have waited in it, and would be waited for.
    static_cast<void>(new (std::nothrow) std::shared_ptr{std::move(cancel_key_)});
    leave_courier();
  } else {
    reconnection_.outage().shut_down();
  }
}

[[gnu::hot]] std::shared_ptr<Manager> const &Manager::in_this_process(std::shared_ptr<Manager> const &manager) {
  auto const *found = &manager;
  while ((*found)->birth_.is_another()) found = &(*found)->successor();
  return *found;
}

Manager &Manager::known_in_this_process(std::shared_ptr<Manager> const &manager) noexcept {
  auto const *found = &manager;
  while ((*found)->birth_.is_another()) {
    auto const *const next = (*found)->successor_.load(std::memory_order_acquire);
    if (next == nullptr) break;
    found = next;
  }
  return **found;
}

// Nothing is looked at that a thread of the parent can have left half done: constants and atomics only, and the user's
// functions, which are copied.
std::shared_ptr<Manager> const &Manager::successor() {
  if (auto const *known = successor_.load(std::memory_order_acquire)) return *known;
  auto fresh =
      std::make_unique<std::shared_ptr<Manager> const>(std::make_shared<Manager>(source_->renewed(), options_));
  (*fresh)->counters_.inherited_epoch = epoch();
  (*fresh)->statements_.copy(statements_);
  (*fresh)->lineage_ = lineage_;
  if (queue_.is_shut_down()) (*fresh)->shut_down();
  std::shared_ptr<Manager> const *expected = nullptr;
  if (successor_.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *expected;
}

void Manager::require_lasting_session(std::string_view for_what) const {
  if (options_.pooling != Pooling::transaction) return;
  throw UsageError{fmt::format("{}: with Pooling::transaction no session lasts for {}", name(), for_what)};
}

[[gnu::hot]] Patience Manager::default_patience() const noexcept {
  auto const deadline =
      options_.lease_timeout.count() == 0 ? Deadline::never() : Deadline::after(options_.lease_timeout);
  return {.queue = deadline, .session = deadline};
}

std::shared_ptr<CancelKey> Manager::cancel_key() {
  if (birth_.is_another()) throw pqxx::broken_connection{"the lease was taken by the parent process"};
  if (!is_live(session_.status())) throw pqxx::broken_connection{name() + ": there is no session to cancel"};
  if (!cancel_key_) cancel_key_ = session_.make_cancel_key();
  if (!cancel_key_) throw UsageError{name() + ": libpq has no cancel key for this session"};
  return cancel_key_;
}

void Manager::roll_back() {
  if (birth_.is_another()) throw pqxx::broken_connection{"the lease was taken by the parent process"};
  if (session_.has_registered_transaction()) {
    throw UsageError{
        fmt::format("{}: rollback() with a transaction object alive: abort or destroy that instead", name())};
  }
  if (session_.status() == Status::idle) return;
  auto const deadline = Deadline::after(options_.release_timeout);
  // Or a cancel request could hit the ROLLBACK.
  bool const undisturbed = !cancel_key_ || cancel_key_->suspend(deadline);
  auto const plan = plan_release({.status = session_.status(), .cancel_pending = !undisturbed});
  auto const settled = settle(plan.action, deadline);
  if (cancel_key_ && undisturbed) cancel_key_->resume();
  if (settled == Settled::closed)
    throw pqxx::broken_connection{name() + ": the session was lost; nothing is in progress"};
}

void Manager::close(std::source_location where) {
  // While down there is no session to close, and the holder of the lease may have to wait for long.
  bool const holds = queue_.holder_thread() == std::this_thread::get_id();
  if (!holds && !queue_.is_shut_down() && reconnection_.forget()) return;
  auto const answer = queue_.acquire(where, Deadline::never(), {});
  if (answer.grant != Grant::granted) refuse(answer, where);
  bool const was_open = session_.status() != Status::closed;
  session_.discard();
  publish();
  hand_over();
  if (was_open) log_.write(Severity::info, fmt::format("{}: session closed", name()));
}

void Manager::shut_down() noexcept {
  if (birth_.is_another()) return queue_.abandon();
  pause_.end();
  bool const alone = queue_.shut_down();
  reconnection_.outage().shut_down();
  closing_.request_stop();
  if (alone) {
    session_.discard();
    publish();
  }
  stop_courier();
}

void Manager::join_background() noexcept { reconnector_.join(); }

Status Manager::status() const noexcept {
  if (birth_.is_another()) return Status::closed;
  auto const holder = queue_.holder_thread();
  if (holder == std::this_thread::get_id()) return session_.status();
  return holder == std::thread::id{} ? published_.load(std::memory_order_acquire) : Status::leased;
}

bool Manager::is_open() const noexcept {
  if (birth_.is_another()) return false;
  if (queue_.holder_thread() == std::this_thread::get_id()) return is_live(session_.status());
  return is_live(published_.load(std::memory_order_acquire));
}

}  // namespace pqlease::detail
