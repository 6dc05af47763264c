#include "detail/blocks.hpp"

#include "detail/messages.hpp"
#include "detail/poison.hpp"
#include "session/quarantine.hpp"
#include <pqlease/errors.hpp>

#include <pqxx/except>
#include <pqxx/result>
#include <spdlog/fmt/fmt.h>

#include <utility>

namespace pqlease::detail {
namespace {

constexpr int first_with_transaction_status = 130000;  // pg_current_xact_id_if_assigned(), PQserverVersion's way

bool means_lost(Status status) noexcept { return status == Status::unknown || status == Status::closed; }

/// Whether the server itself sees to it that nothing is written, so that nobody needs to ask.
ReadOnly sealing(BlockRequest const &request) noexcept {
  bool const wanted = request.outcome == Outcome::resolve && request.characteristics.access == AccessMode::read_only;
  return wanted ? ReadOnly::sealed : ReadOnly::as_begun;
}

}  // namespace

std::string Blocks::named(std::string const &what) const {
  return fmt::format("{}: the atomic block at {} {}", source_.masked(), describe(request_.where), what);
}

void Blocks::begin(BlockRequest const &request) {
  if (request.outcome == Outcome::resolve && session_.server_version() < first_with_transaction_status) {
    throw UsageError{"Outcome::resolve needs PostgreSQL 13 or later"};
  }
  if (!transaction_) transaction_ = std::make_unique<std::optional<BlockTransaction>>();
  request_ = request;
  with_positions_ =
      request.outcome == Outcome::resolve && session_.tells_positions(Deadline::after(options_.probe_timeout));
  read_only_ = sealing(request);
  levels_.reset();
  auto &transaction = transaction_->emplace(session_.connection());
  auto const text = begin_text(request.characteristics, read_only_);
  try {
    // libpqxx's own way to send it knows how to throw what went wrong.
    if (!session_.begin(text.c_str())) static_cast<void>(transaction.exec(text.view()));
  } catch (...) {
    transaction.end();
    throw;
  }
  ticket_.store(++tickets_, std::memory_order_release);
}

CommitReport Blocks::commit() noexcept {
  CommitReport report;
  try {
    report = commit_or_throw();
  } catch (...) {
    // Before COMMIT was sent, or after it was refused: nothing is committed.
    auto const error = std::current_exception();
    bool const lost = is_poisonous(error);
    static_cast<void>(roll_back());
    report = {.end = CommitEnd::rolled_back, .error = error, .failure = lost ? Failure::disconnected : Failure::error};
  }
  end_transaction_object();
  return report;
}

CommitReport Blocks::commit_or_throw() {
  if (depth() != 0 || is_in_progress()) return {.end = CommitEnd::leaked};  // a block in it is still open, too
  auto const status = session_.status();
  if (means_lost(status)) throw pqxx::broken_connection{named("lost its session before COMMIT")};
  if (was_ended_by_sql()) {
    return {.end = CommitEnd::ended_by_sql,
            .error = std::make_exception_ptr(OutcomeUnknown{
                named("did not commit: its transaction had been ended by SQL before, nobody knows how")})};
  }
  if (auto const *const why = why_not_committable(status)) {
    static_cast<void>(roll_back());
    return rolled_back(why);
  }
  return send_commit();
}

/// Null when nothing speaks against COMMIT, as far as this side knows.
char const *Blocks::why_not_committable(Status status) const noexcept {
  if ((*transaction_)->was_aborted()) return "was rolled back: abort() was called in it";
  if ((*transaction_)->was_committed()) return "was rolled back: it called commit(), which is not its to call";
  if (status == Status::in_error) return "was rolled back: a statement in it had failed, and the error was swallowed";
  if (levels_.is_doomed()) return "was rolled back: a block that is a part of it had failed";
  return nullptr;
}

CommitReport Blocks::send_commit() {
  bool const ask = request_.outcome == Outcome::resolve && read_only_ == ReadOnly::as_begun;
  auto mark = ask ? ask_for_mark() : std::nullopt;
  auto const result = session_.commit();
  switch (result.answer) {
  case CommitAnswer::committed:
    return {.end = CommitEnd::committed};
  case CommitAnswer::rolled_back:
    return rolled_back("was rolled back: the server answered COMMIT with ROLLBACK");
  case CommitAnswer::refused:
    throw_sql_error(result, "COMMIT");
  case CommitAnswer::lost:
    break;
  }
  if (session_.status() != Status::unknown) session_.close();
  return {.end = CommitEnd::in_doubt, .mark = std::move(mark)};
}

std::optional<TransactionMark> Blocks::ask_for_mark() {
  auto const answer = transaction().exec(mark_question(with_positions_));
  auto const row = answer[0];
  if (row[0].is_null()) return std::nullopt;
  return TransactionMark{.id = row[0].as<std::uint64_t>(),
                         .written_to = row[1].c_str(),
                         .recovered_to = row[2].c_str(),
                         .started_at = row[3].c_str()};
}

CommitReport Blocks::rolled_back(std::string const &why) {
  return {.end = CommitEnd::rolled_back, .error = std::make_exception_ptr(TransactionAborted{named(why)})};
}

bool Blocks::is_in_progress() noexcept {
  if ((*transaction_)->has_focus() || session_.is_pipelined()) return true;
  return session_.status() == Status::active && !session_.finish_reading(Deadline::after(options_.release_timeout));
}

bool Blocks::was_ended_by_sql() const noexcept {
  return session_.status() == Status::idle && !(*transaction_)->was_aborted();
}

bool Blocks::roll_back() noexcept {
  // A release knows best what to do with what is in progress.
  bool const in_progress = is_in_progress();
  bool const over_already = was_ended_by_sql();
  if (!in_progress && !means_lost(session_.status()) && session_.status() != Status::idle) {
    if (!session_.roll_back(Deadline::after(options_.release_timeout))) session_.close();
  }
  end_transaction_object();
  return !over_already;
}

bool Blocks::is_lost() const noexcept { return means_lost(session_.status()); }

std::vector<BlockLevels::Callback> Blocks::close() noexcept {
  ticket_.store(0, std::memory_order_release);
  auto callbacks = levels_.take_callbacks();
  levels_.reset();
  request_.stop = {};
  return callbacks;
}

void Blocks::end_transaction_object() noexcept {
  if (!transaction_ || !*transaction_) return;
  if ((*transaction_)->has_focus()) return Quarantine::keep(std::move(transaction_));
  (*transaction_)->end();
  transaction_->reset();
}

void Blocks::enter(BlockRequest const &request) {
  if (request.durable) throw UsageError{named("was to have a durable block within it, at " + describe(request.where))};
  bool const change = changes_transaction(request.characteristics);
  auto const level = request.savepoint ? levels_.savepoints() + 1 : 0;
  auto const seal = levels_.savepoints() == 0 ? read_only_ : ReadOnly::as_begun;
  auto const text = enter_text(request.characteristics, level, seal);
  if (change) read_only_ = ReadOnly::as_begun;
  if (!text.empty()) static_cast<void>(transaction().exec(text.view()));
  levels_.enter(request.savepoint ? LevelKind::savepoint : LevelKind::joined);
}

void Blocks::leave() {
  bool const in_progress = is_in_progress();
  auto const status = session_.status();
  if (!in_progress && status == Status::in_transaction && why_not_committable(status) == nullptr) {
    if (levels_.kind() == LevelKind::savepoint) {
      try {
        static_cast<void>(transaction().exec(release_text(levels_.savepoints()).view()));
      } catch (...) {
        abandon();
        throw;
      }
    }
    return levels_.keep();
  }
  auto const *const why = was_ended_by_sql() ? nullptr : why_not_committable(status);
  abandon();
  if (in_progress) {
    throw UncommittedTransaction{named("has a block within it that ended with something still in progress"),
                                 request_.where};
  }
  if (means_lost(status)) throw pqxx::broken_connection{named("has lost its session")};
  if (why == nullptr) throw OutcomeUnknown{named("was ended by SQL in a block within it, nobody knows how")};
  throw TransactionAborted{named(why)};
}

void Blocks::abandon() noexcept {
  bool const joined = levels_.kind() == LevelKind::joined;
  if (!joined) roll_back_level();
  levels_.drop();
}

/// What cannot be rolled back on its own dooms everything.
void Blocks::roll_back_level() noexcept {
  auto const status = session_.status();
  bool const possible = !is_in_progress() && (status == Status::in_transaction || status == Status::in_error);
  if (possible) {
    auto const text = roll_back_text(levels_.savepoints());
    if (session_.run(text.c_str(), Deadline::after(options_.release_timeout)) &&
        session_.status() == Status::in_transaction)
      return;
    if (session_.status() != Status::in_error) session_.close();
  }
  levels_.doom_all();
}

}  // namespace pqlease::detail
