#include "detail/block_levels.hpp"

#include <doctest/doctest.h>

#include <string>

using pqlease::detail::BlockLevels;
using pqlease::detail::LevelKind;

namespace {

/// Registers a callback that writes its name, and runs what is left in the end.
class Recorder {
public:
  void add(BlockLevels &levels, char name) {
    levels.on_commit([this, name] { called_ += name; });
  }
  std::string commit(BlockLevels &levels) {
    for (auto const &callback : levels.take_callbacks()) callback();
    return called_;
  }

private:
  std::string called_;
};

}  // namespace

TEST_SUITE_BEGIN("block levels");

TEST_CASE("callbacks are called in order of registration, those of inner blocks among them") {
  BlockLevels levels;
  Recorder recorder;
  recorder.add(levels, 'a');
  levels.enter(LevelKind::savepoint);
  recorder.add(levels, 'b');
  levels.enter(LevelKind::joined);
  recorder.add(levels, 'c');
  levels.keep();
  levels.keep();
  recorder.add(levels, 'd');
  CHECK(recorder.commit(levels) == "abcd");
}

TEST_CASE("a savepoint that is rolled back drops its callbacks, and those of the blocks that had ended in it") {
  BlockLevels levels;
  Recorder recorder;
  recorder.add(levels, 'a');
  levels.enter(LevelKind::savepoint);
  recorder.add(levels, 'b');
  levels.enter(LevelKind::savepoint);
  recorder.add(levels, 'c');
  levels.keep();
  levels.drop();
  CHECK_FALSE(levels.is_doomed());
  recorder.add(levels, 'd');
  CHECK(recorder.commit(levels) == "ad");
}

TEST_CASE("a joined block that fails dooms the block around it, and a savepoint contains the doom") {
  BlockLevels levels;
  levels.enter(LevelKind::savepoint);
  levels.enter(LevelKind::joined);
  levels.enter(LevelKind::joined);
  levels.drop();
  CHECK(levels.is_doomed());
  levels.drop();
  CHECK(levels.depth() == 1);
  CHECK(levels.is_doomed());
  levels.drop();
  CHECK(levels.depth() == 0);
  CHECK_FALSE(levels.is_doomed());
  levels.enter(LevelKind::joined);
  levels.drop();
  CHECK(levels.is_doomed());
}

TEST_CASE("savepoints are numbered by how many are open, joined blocks not counted") {
  BlockLevels levels;
  CHECK(levels.savepoints() == 0);
  levels.enter(LevelKind::savepoint);
  levels.enter(LevelKind::joined);
  CHECK(levels.savepoints() == 1);
  levels.enter(LevelKind::savepoint);
  CHECK(levels.savepoints() == 2);
  CHECK(levels.depth() == 3);
  levels.keep();
  levels.drop();
  CHECK(levels.savepoints() == 1);
}

TEST_CASE("what cannot be undone dooms every block that is open") {
  BlockLevels levels;
  levels.enter(LevelKind::savepoint);
  levels.enter(LevelKind::savepoint);
  levels.doom_all();
  levels.drop();
  CHECK(levels.is_doomed());
  levels.drop();
  CHECK(levels.is_doomed());
}

TEST_CASE("a new block starts with clean books") {
  BlockLevels levels;
  levels.enter(LevelKind::savepoint);
  levels.on_commit([] {});
  levels.doom_all();
  levels.reset();
  CHECK(levels.depth() == 0);
  CHECK(levels.savepoints() == 0);
  CHECK_FALSE(levels.is_doomed());
  CHECK(levels.take_callbacks().empty());
}

TEST_SUITE_END();
