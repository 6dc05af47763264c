#include "detail/block_levels.hpp"

#include <utility>

namespace pqlease::detail {

void BlockLevels::reset() noexcept {
  inner_.clear();
  callbacks_.clear();
  savepoints_ = 0;
  doomed_ = false;
}

void BlockLevels::enter(LevelKind kind) {
  inner_.push_back({.kind = kind, .first_callback = callbacks_.size()});
  if (kind == LevelKind::savepoint) ++savepoints_;
}

void BlockLevels::drop() noexcept {
  auto const ended = pop();
  callbacks_.erase(callbacks_.begin() + static_cast<std::ptrdiff_t>(ended.first_callback), callbacks_.end());
  if (ended.kind == LevelKind::savepoint) return;
  (inner_.empty() ? doomed_ : inner_.back().doomed) = true;
}

void BlockLevels::doom_all() noexcept {
  doomed_ = true;
  for (auto &level : inner_) level.doomed = true;
}

std::vector<BlockLevels::Callback> BlockLevels::take_callbacks() noexcept { return std::exchange(callbacks_, {}); }

BlockLevels::Level BlockLevels::pop() noexcept {
  auto const ended = inner_.back();
  inner_.pop_back();
  if (ended.kind == LevelKind::savepoint) --savepoints_;
  return ended;
}

}  // namespace pqlease::detail
