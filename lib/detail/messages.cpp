#include "detail/messages.hpp"

#include <spdlog/fmt/fmt.h>

#include <sstream>

namespace pqlease::detail {
namespace {

std::string describe(std::thread::id thread) {
  std::ostringstream text;
  text << thread;
  return text.str();
}

std::string_view what_was_in_progress(SessionCondition const &found) noexcept {
  if (found.transaction_registered) return "with a transaction object still alive";
  switch (found.status) {
  case Status::in_transaction:
    return "in a transaction";
  case Status::in_error:
    return "in a failed transaction";
  default:
    return "with a COPY or an unread result in progress";
  }
}

// A statement outside a transaction block may have finished before it could be cancelled: nothing is claimed about it.
std::string_view what_became_of_it(SessionCondition const &found, Settled settled) noexcept {
  bool const active = found.status == Status::active && !found.transaction_registered;
  if (settled == Settled::rolled_back) return active ? "it was cancelled" : "it was rolled back";
  return active ? "the session was closed" : "the session was closed, which rolls it back";
}

}  // namespace

std::string describe(std::source_location where) {
  return fmt::format("{}:{} ({})", where.file_name(), where.line(), where.function_name());
}

std::string describe(Holder const &holder, std::size_t waiters, std::chrono::steady_clock::time_point now) {
  if (holder.thread == std::thread::id{}) return fmt::format("it is just changing hands; {} waiting", waiters);
  auto const held = std::chrono::duration_cast<std::chrono::milliseconds>(now - holder.since);
  return fmt::format("thread {} has held it for {} ms, taken at {}; {} waiting", describe(holder.thread), held.count(),
                     describe(holder.where), waiters);
}

std::string describe_leak(SessionCondition const &found, Settled settled, std::source_location lease_taken) {
  return fmt::format("the lease taken at {} was released {}; {}", describe(lease_taken), what_was_in_progress(found),
                     what_became_of_it(found, settled));
}

std::string text_of(std::exception_ptr const &error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const &known) {
    return known.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace pqlease::detail
