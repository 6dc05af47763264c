#pragma once

#include "support/detail/environment.hpp"

#include <string>

namespace pqlease::testing {

/// Runs SQL through psql; what it prints, unaligned, without headings and without the last end of line.
///
/// Blocking: at most a minute.
/// Throws: std::runtime_error with psql's output when it cannot connect, or a statement fails; NoServer without a psql.
std::string psql(std::string const &conninfo, std::string const &sql, Inherited inherited = Inherited::without_libpq);

/// Terminates the session of one backend and waits until the server knows it no more.
///
/// Throws: std::runtime_error when there is no such backend, or it does not end within ten seconds.
void terminate_backend(std::string const &conninfo, int pid, Inherited inherited = Inherited::without_libpq);

}  // namespace pqlease::testing
