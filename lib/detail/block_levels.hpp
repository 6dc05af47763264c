#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace pqlease::detail {

/// What a block within a block is to the transaction.
enum class LevelKind {
  savepoint,  ///< can be rolled back on its own
  joined,     ///< a part of the block around it
};

/// The books of one outermost block: the blocks within it, which of them are doomed, and what is to be called once it
/// is committed. It decides nothing and sends nothing.
///
/// Thread safety: none. Lifetime: one object for any number of outermost blocks, one after the other.
class BlockLevels {
public:
  using Callback = std::function<void()>;

  /// A new outermost block.
  void reset() noexcept;

  void enter(LevelKind kind);

  /// How many blocks are open within the outermost one.
  [[nodiscard]] std::size_t depth() const noexcept { return inner_.size(); }

  /// How many of these have a savepoint: the number of the innermost one's.
  [[nodiscard]] std::size_t savepoints() const noexcept { return savepoints_; }

  /// The innermost block's; there must be one within the outermost one.
  [[nodiscard]] LevelKind kind() const noexcept { return inner_.back().kind; }

  /// Whether the innermost block, which may be the outermost, can only be rolled back.
  [[nodiscard]] bool is_doomed() const noexcept { return inner_.empty() ? doomed_ : inner_.back().doomed; }

  /// The innermost block within the outermost one has ended well: its callbacks are those of the block around it.
  void keep() noexcept { pop(); }

  /// It was rolled back: its callbacks are dropped. A joined one takes the block around it with it.
  void drop() noexcept;

  /// Nothing of this outermost block can be committed any more.
  void doom_all() noexcept;

  /// Throws: std::bad_alloc.
  void on_commit(Callback callback) { callbacks_.push_back(std::move(callback)); }

  /// What is to be called, in order.
  [[nodiscard]] std::vector<Callback> take_callbacks() noexcept;

private:
  struct Level {
    LevelKind kind{LevelKind::savepoint};
    std::size_t first_callback{0};
    bool doomed{false};
  };

  Level pop() noexcept;

  std::vector<Level> inner_;
  std::vector<Callback> callbacks_;
  std::size_t savepoints_{0};
  bool doomed_{false};
};

}  // namespace pqlease::detail
