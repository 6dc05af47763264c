#include "session/block_transaction.hpp"

#include <pqlease/errors.hpp>

#include <pqxx/transaction_focus>

namespace pqlease::detail {
namespace {

/// Can be registered only where nothing else is.
class Probe final : pqxx::transaction_focus {
public:
  explicit Probe(pqxx::transaction_base &transaction) : pqxx::transaction_focus{transaction, "probe"} { register_me(); }
  Probe(Probe const &) = delete;
  Probe &operator=(Probe const &) = delete;
  ~Probe() { unregister_me(); }
};

}  // namespace

bool BlockTransaction::has_focus() noexcept {
  try {
    Probe const probe{*this};
    return false;
  } catch (...) {
    return true;
  }
}

void BlockTransaction::end() noexcept {
  ended_ = true;
  unregister();
}

void BlockTransaction::commit_called() {
  commit_refused_ = true;
  throw UsageError{"commit() of an atomic block's transaction: the block commits it when it ends"};
}

void BlockTransaction::abort_called() {
  if (ended_) return;
  aborted_ = true;
  send("ROLLBACK");
}

}  // namespace pqlease::detail
