#include "session/conninfo_source.hpp"

#include <pqlease/errors.hpp>

#include <utility>

namespace pqlease::detail {

ConninfoSource::ConninfoSource(std::string fixed) : fixed_{std::move(fixed)}, masked_{Conninfo{fixed_}.masked()} {}

std::unique_ptr<ConninfoSource> ConninfoSource::renewed() const {
  return provider_ ? std::make_unique<ConninfoSource>(provider_) : std::make_unique<ConninfoSource>(fixed_);
}

Conninfo ConninfoSource::next() {
  if (!provider_) return Conninfo{fixed_};
  auto answer = provider_();
  // By itself an empty string means libpq's defaults; from a provider it means that a look-up has failed.
  if (answer.empty()) throw InvalidConnectionString{"the provider returned an empty connection string"};
  Conninfo conninfo{std::move(answer)};
  auto masked = conninfo.masked();
  MutexLock const lock{mutex_};
  masked_.swap(masked);
  return conninfo;
}

std::string ConninfoSource::masked() const {
  MutexLock const lock{mutex_};
  return masked_;
}

}  // namespace pqlease::detail
