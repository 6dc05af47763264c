#pragma once

namespace pqlease {

/// How delays are spread, so that programs that failed together do not try again together.
/// Source: Marc Brooker, "Exponential Backoff And Jitter", 2015.
enum class Jitter {
  none,  ///< each delay is as long as it may be
  full,  ///< each delay is anything from zero to that, evenly distributed
};

}  // namespace pqlease
