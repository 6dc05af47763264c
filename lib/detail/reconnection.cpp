#include "detail/reconnection.hpp"

#include <pqlease/errors.hpp>

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <new>
#include <string>
#include <string_view>

namespace pqlease::detail {
namespace {

long long in_ms(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

/// What a failed attempt has thrown, in a form that is everybody's answer.
OpenFailure describe_failure(std::string const &name, std::exception_ptr const &error) {
  try {
    std::rethrow_exception(error);
  } catch (ConnectionDown const &down) {
    auto const *const nested = dynamic_cast<std::nested_exception const *>(&down);
    return {.message = down.what(),
            .sqlstate = down.sqlstate(),
            .cause = nested == nullptr ? nullptr : nested->nested_ptr()};
  } catch (std::exception const &other) {
    return {.message = fmt::format("{}: no session: {}", name, other.what()), .sqlstate = {}, .cause = error};
  } catch (...) {
    return {.message = name + ": no session", .sqlstate = {}, .cause = error};
  }
}

[[noreturn]] void throw_down(OpenFailure const &failure, std::chrono::milliseconds retry_in) {
  auto const down = [&] { return ConnectionDown{failure.message, failure.sqlstate, retry_in}; };
  if (!failure.cause) throw down();
  try {
    std::rethrow_exception(failure.cause);
  } catch (...) {
    std::throw_with_nested(down());
  }
}

}  // namespace

// In a child process a thread of the parent may have waited in it, and would be waited for.
Reconnection::~Reconnection() {
  if (birth_.is_another()) static_cast<void>(new (std::nothrow) std::shared_ptr{std::move(outage_)});
}

void Reconnection::open(SessionOpener &opener, Session &session, Deadline deadline, Interrupt const &interrupt) {
  try {
    opener.open(session, deadline, interrupt);
  } catch (Interrupted const &) {
    outage_->abandon_attempt();
    throw;
  } catch (InvalidConnectionString const &) {
    note_failure(opener.was_cut_short(), std::current_exception());
    throw;  // the provider's fault, which nobody else than this lease can tell from a server that is down
  } catch (...) {
    auto const error = std::current_exception();
    note_failure(opener.was_cut_short(), error);
    auto const down = outage_->down();
    throw_down(describe_failure(source_.masked(), error), down ? down->retry_in : std::chrono::milliseconds{0});
  }
  if (auto const recovery = outage_->end()) {
    log_.write(Severity::info, fmt::format("{}: recovered after {} ms, at attempt {}", source_.masked(),
                                           in_ms(recovery->down_for), recovery->attempts));
  }
}

void Reconnection::note_failure(bool cut_short, std::exception_ptr const &error) {
  auto const failure = std::make_shared<OpenFailure const>(describe_failure(source_.masked(), error));
  if (cut_short) {
    outage_->abandon_attempt();
    log_.write(Severity::warning, failure->message + ", within the lease's own deadline");
  } else {
    tell(outage_->fail(failure), *failure);
  }
}

void Reconnection::tell(FailedAttempt const &failed, OpenFailure const &failure) const {
  auto const name = source_.masked();
  std::string_view reason{failure.message};
  if (reason.starts_with(name + ": ")) reason.remove_prefix(name.size() + 2);
  while (reason.ends_with('\n')) reason.remove_suffix(1);
  auto const line = failed.number == 1
                        ? fmt::format("{}: down, next attempt in {} ms: {}", name, in_ms(failed.delay), reason)
                        : fmt::format("{}: still down after {} ms, attempt {} failed, next in {} ms: {}", name,
                                      in_ms(failed.down_for), failed.number, in_ms(failed.delay), reason);
  log_.write(Severity::warning, line);
}

void Reconnection::throw_if(std::optional<Down> const &down) {
  if (down) throw_down(*down->failure, down->retry_in);
}

bool Reconnection::forget() {
  auto const ended = outage_->end();
  if (!ended) return false;
  log_.write(Severity::info, fmt::format("{}: close() while down for {} ms; the next lease tries at once",
                                         source_.masked(), in_ms(ended->down_for)));
  return true;
}

}  // namespace pqlease::detail
