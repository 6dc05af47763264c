#pragma once

#include "detail/counters.hpp"
#include "detail/deadline.hpp"
#include "detail/log.hpp"
#include "detail/statement_preparer.hpp"
#include "session/conninfo_source.hpp"
#include "session/session.hpp"
#include <pqlease/options.hpp>

#include <string_view>

namespace pqlease::detail {

/// Makes a session ready for its first lease: asks for the connection string, connects, sets
/// Options::session_parameters, runs Options::on_open, prepares the registered statements.
///
/// Thread safety: only the holder of the lease may use it.
class SessionOpener {
public:
  SessionOpener(Options const &options, ConninfoSource &source, StatementPreparer &preparer, Counters &counters,
                Log const &log) noexcept
      : options_{options}, source_{source}, preparer_{preparer}, counters_{counters}, log_{log} {}

  /// `session` must be closed; if this throws, it still is.
  ///
  /// Blocking: until `deadline`, and at most Options::connect_timeout; the provider and on_open take their own time.
  /// Throws: ConnectionDown with the cause nested; InvalidConnectionString from a provider's answer; Interrupted.
  void open(Session &session, Deadline deadline, Interrupt const &interrupt);

  /// Whether the last open() failed because `deadline` was too short, which says nothing about the server.
  [[nodiscard]] bool was_cut_short() const noexcept { return cut_short_; }

private:
  [[nodiscard]] Conninfo ask_for_conninfo();
  void set_parameters(Session &session, Conninfo const &conninfo, Deadline deadline);
  void set_up(Session &session, Conninfo const &conninfo);
  void check_setup(Session &session, Conninfo const &conninfo) const;
  void prepare_statements(Session &session, Conninfo const &conninfo, Deadline deadline);

  Options const &options_;
  ConninfoSource &source_;
  StatementPreparer &preparer_;
  Counters &counters_;
  Log const &log_;
  bool cut_short_{false};
};

}  // namespace pqlease::detail
