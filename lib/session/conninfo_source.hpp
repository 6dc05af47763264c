#pragma once

#include "detail/mutex.hpp"
#include "session/conninfo.hpp"

#include <functional>
#include <memory>
#include <string>

namespace pqlease::detail {

/// Where a manager's connection string comes from: fixed, or asked of the user at every open.
///
/// Thread safety: next() by the holder of the lease only; masked() from any thread.
class ConninfoSource {
public:
  using Provider = std::function<std::string()>;

  /// Throws: InvalidConnectionString.
  explicit ConninfoSource(std::string fixed);
  explicit ConninfoSource(Provider provider) : provider_{std::move(provider)} {}

  /// The same source, as if nobody had asked it yet.
  [[nodiscard]] std::unique_ptr<ConninfoSource> renewed() const;

  /// The connection string for the next open.
  /// Throws: InvalidConnectionString, also for an empty answer of the provider; whatever the provider throws.
  [[nodiscard]] Conninfo next();

  /// The last connection string, masked.
  [[nodiscard]] std::string masked() const;

private:
  std::string fixed_;
  Provider provider_;  // empty for a fixed string

  // Guards masked_. Forbidden under it: everything but copying.
  mutable Mutex mutex_;
  std::string masked_ PQLEASE_GUARDED_BY(mutex_){"(provider not asked yet)"};
};

}  // namespace pqlease::detail
