#pragma once

#include <stdexcept>

namespace pqlease::testing {

/// No server is named by the environment, and there are no programs to start one: the test is skipped (exit 77).
class NoServer : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

}  // namespace pqlease::testing
