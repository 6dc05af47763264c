#include "detail/notifications/channel_book.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using pqlease::detail::ChannelBook;
using pqlease::detail::ChannelStep;
using pqlease::detail::Observer;
using TimePoint = ChannelBook::TimePoint;
using Kind = ChannelStep::Kind;

namespace {

constexpr TimePoint start{1000s};

std::shared_ptr<Observer> observer(std::string channel) {
  return std::make_shared<Observer>(std::move(channel), [](pqlease::Notification const &) {});
}

/// Takes every step that is due, the server agreeing with each, as "+a -b"; `sequence` is that of the latest event.
std::string settle(ChannelBook &book, std::uint64_t sequence = 0) {
  std::string steps;
  while (auto const step = book.next_step(start)) {
    steps += (step->kind == Kind::listen ? " +" : " -") + step->channel;
    if (step->kind == Kind::listen) static_cast<void>(book.listened_to(step->channel, sequence));
  }
  return steps.empty() ? steps : steps.substr(1);
}

}  // namespace

TEST_SUITE_BEGIN("channel book");

TEST_CASE("a channel is listened to for its first handler, and not for the next") {
  ChannelBook book;
  CHECK_FALSE(book.wants_session());
  CHECK_FALSE(book.has_step(start));
  auto const first = observer("a");
  CHECK_FALSE(book.add(first, 0));
  CHECK(book.wants_session());
  CHECK(book.has_step(start));
  CHECK(settle(book) == "+a");
  CHECK(book.add(observer("a"), 0));
  CHECK(settle(book).empty());
}

TEST_CASE("a channel is heard from the answer to LISTEN to its last handler's end") {
  ChannelBook book;
  auto const only = observer("a");
  book.add(only, 0);
  CHECK_FALSE(book.is_heard("a"));
  REQUIRE(book.next_step(start));
  CHECK_FALSE(book.is_heard("a"));
  static_cast<void>(book.listened_to("a", 0));
  CHECK(book.is_heard("a"));
  CHECK_FALSE(book.is_heard("b"));
  book.session_opened();
  CHECK_FALSE(book.is_heard("a"));
  settle(book);
  book.remove(*only);
  CHECK_FALSE(book.is_heard("a"));
}

TEST_CASE("a channel is given up with its last handler, and not before") {
  ChannelBook book;
  auto const first = observer("a");
  auto const second = observer("a");
  book.add(first, 0);
  book.add(second, 0);
  CHECK(settle(book) == "+a");
  book.remove(*first);
  CHECK(settle(book).empty());
  book.remove(*second);
  book.remove(*second);
  CHECK_FALSE(book.wants_session());
  CHECK(settle(book) == "-a");
  CHECK(settle(book).empty());
}

TEST_CASE("a handler that comes back before its channel was given up costs nothing; later it costs another LISTEN") {
  ChannelBook book;
  auto const first = observer("a");
  book.add(first, 0);
  CHECK(settle(book) == "+a");
  book.remove(*first);
  CHECK(book.add(observer("a"), 0));
  CHECK(settle(book).empty());

  auto const other = observer("b");
  book.add(other, 0);
  CHECK(settle(book) == "+b");
  book.remove(*other);
  auto const step = book.next_step(start);
  REQUIRE(step);
  CHECK(*step == ChannelStep{Kind::unlisten, "b"});
  // While UNLISTEN is under way.
  CHECK_FALSE(book.add(observer("b"), 0));
  CHECK(settle(book) == "+b");
}

TEST_CASE("a handler that goes while LISTEN is under way leaves nothing behind") {
  ChannelBook book;
  auto const only = observer("a");
  book.add(only, 0);
  REQUIRE(book.next_step(start));
  book.remove(*only);
  CHECK_FALSE(book.listened_to("a", 0));
  CHECK(settle(book) == "-a");
}

TEST_CASE("another session listens to all channels that have handlers") {
  ChannelBook book;
  auto const gone = observer("c");
  book.add(observer("a"), 0);
  book.add(observer("b"), 0);
  book.add(gone, 0);
  CHECK(settle(book) == "+a +b +c");
  book.remove(*gone);
  book.session_opened();
  CHECK(settle(book) == "+a +b");
}

TEST_CASE("the handlers that were there before another session are told of a gap, the new ones are not") {
  ChannelBook book;
  auto const old = observer("a");
  book.add(old, 0);
  CHECK(settle(book) == "+a");
  book.session_opened();
  auto const fresh = observer("a");
  CHECK_FALSE(book.add(fresh, 7));
  CHECK(book.concerned("a", 8) == ChannelBook::Observers{old});
  REQUIRE(book.next_step(start));
  CHECK(book.listened_to("a", 7));  // so that the gap is event 8
  CHECK(book.concerned("a", 8) == ChannelBook::Observers{old});
  CHECK(book.concerned("a", 9) == ChannelBook::Observers{old, fresh});
}

TEST_CASE("where nobody has missed anything, the next event is for the new handlers, too") {
  ChannelBook book;
  auto const first = observer("a");
  book.add(first, 3);
  REQUIRE(book.next_step(start));
  CHECK_FALSE(book.listened_to("a", 5));
  CHECK(book.concerned("a", 5).empty());
  CHECK(book.concerned("a", 6) == ChannelBook::Observers{first});
}

TEST_CASE("a handler that was promised nothing is told of a gap once its channel is listened to") {
  ChannelBook book;
  auto const only = observer("a");
  book.add(only, 0);
  CHECK_FALSE(book.nothing_promised(*only));
  REQUIRE(book.next_step(start));
  CHECK(book.listened_to("a", 0));
  CHECK(book.nothing_promised(*only));
  CHECK(book.concerned("a", 1) == ChannelBook::Observers{only});
}

TEST_CASE("a channel that the server refuses is tried again later, and does not hold up the others") {
  ChannelBook book;
  book.add(observer("a"), 0);
  book.add(observer("b"), 0);
  CHECK(book.next_retry() == TimePoint::max());
  REQUIRE(book.next_step(start));
  CHECK(book.refused("a", start + 1s));
  CHECK(book.next_retry() == start + 1s);
  CHECK(settle(book) == "+b");
  CHECK_FALSE(book.has_step(start + 999ms));
  CHECK(book.has_step(start + 1s));
  CHECK(*book.next_step(start + 1s) == ChannelStep{Kind::listen, "a"});
  CHECK_FALSE(book.refused("a", start + 2s));  // no news
  book.session_opened();
  CHECK(settle(book) == "+a +b");
  CHECK(book.next_retry() == TimePoint::max());
}

TEST_CASE("handlers are told in the order in which they came, and of nothing that was there before them") {
  ChannelBook book;
  std::vector<std::shared_ptr<Observer>> all;
  for (std::uint64_t since = 0; since < 4; ++since) {
    all.push_back(observer("a"));
    book.add(all.back(), since);
    settle(book, since);
  }
  CHECK(book.concerned("a", 2) == ChannelBook::Observers{all[0], all[1]});
  CHECK(book.concerned("a", 9) == all);
  CHECK(book.concerned("b", 9).empty());
  book.remove(*all[1]);
  CHECK(book.concerned("a", 9) == ChannelBook::Observers{all[0], all[2], all[3]});
}

TEST_CASE("handlers of reopened sessions need no channel and no session") {
  ChannelBook book;
  auto const reopened = observer({});
  CHECK(book.add(reopened, 4));
  CHECK_FALSE(book.wants_session());
  CHECK_FALSE(book.has_step(start));
  CHECK(book.channels().empty());
  CHECK(book.concerned("", 4).empty());
  CHECK(book.concerned("", 5) == ChannelBook::Observers{reopened});
  book.remove(*reopened);
  CHECK(book.concerned("", 5).empty());
}

TEST_SUITE_END();
