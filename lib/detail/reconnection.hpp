#pragma once

#include "detail/log.hpp"
#include "detail/session_opener.hpp"
#include "detail/shared_outage.hpp"
#include "session/conninfo_source.hpp"
#include "session/session.hpp"
#include <pqlease/options.hpp>

#include <exception>
#include <memory>
#include <optional>

namespace pqlease::detail {

/// Opens the manager's session, and tells everybody when that has failed: the log, who asks for a lease, and the next
/// attempt.
///
/// Thread safety: any thread, but for those members that say "by the holder".
class Reconnection {
public:
  Reconnection(Options const &options, ConninfoSource const &source, Log const &log)
      : source_{source}, log_{log}, outage_{std::make_shared<SharedOutage>(options.reconnect)} {}
  Reconnection(Reconnection const &) = delete;
  Reconnection &operator=(Reconnection const &) = delete;
  ~Reconnection();

  [[nodiscard]] SharedOutage &outage() const noexcept { return *outage_; }

  /// For a thread that must not keep the manager alive.
  [[nodiscard]] std::shared_ptr<SharedOutage> const &shared_outage() const noexcept { return outage_; }

  /// By the holder: makes an attempt.
  ///
  /// Blocking, Throws: as SessionOpener::open().
  void open(SessionOpener &opener, Session &session, Deadline deadline, Interrupt const &interrupt);

  /// Throws: ConnectionDown with the cause of the last failure nested, when there is something to tell.
  static void throw_if(std::optional<Down> const &down);

  /// Ends the outage because the user says so. Returns false when there is none.
  [[nodiscard]] bool forget();

private:
  void note_failure(bool cut_short, std::exception_ptr const &error);
  void tell(FailedAttempt const &failed, OpenFailure const &failure) const;

  BirthProcess const birth_{};
  ConninfoSource const &source_;
  Log const &log_;
  std::shared_ptr<SharedOutage> outage_;
};

}  // namespace pqlease::detail
