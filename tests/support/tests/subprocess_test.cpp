#include "probe.hpp"
#include "support/detail/unique_fd.hpp"
#include "support/subprocess.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <system_error>

namespace pqlease::testing {

TEST_SUITE_BEGIN("support");

TEST_CASE("a command's output is gathered, error output included, and its status returned") {
  auto const result = run({"sh", "-c", "echo out; echo err >&2; exit 7"});
  CHECK(result.status == 7);
  CHECK(result.output == "out\nerr\n");
  CHECK(run({"sh", "-c", "kill -KILL $$"}).status == 128 + SIGKILL);
}

TEST_CASE("a command reads the input that it is given, however little of it it wants") {
  std::string const much(1 << 20, 'x');
  CHECK(run({"cat"}, {.input = much}).output == much);
  CHECK(run({"true"}, {.input = much}).status == 0);
  CHECK(run({"cat"}).output.empty());
}

TEST_CASE("a command gets the environment that it is given on top of what it inherits") {
  ScopedVariable const inherited{"PGSOMETHING", "inherited"};
  std::vector<std::string> const print{"sh", "-c", "echo $PGSOMETHING $OTHER"};
  CHECK(run(print, {.environment = {"OTHER=new"}}).output == "inherited new\n");
  CHECK(run(print, {.environment = {"PGSOMETHING=new"}}).output == "new\n");
  CHECK(run(print, {.environment = {"OTHER=new"}, .inherited = Inherited::without_libpq}).output == "new\n");
}

TEST_CASE("a command gets none of this process's descriptors") {
  UniqueFd const inheritable{::open("/dev/null", O_RDONLY)};
  REQUIRE(::dup2(inheritable.get(), 42) == 42);
  UniqueFd const high{42};
  CHECK(run({"sh", "-c", "ls /proc/self/fd 2>/dev/null | grep -x 42"}).output.empty());
}

TEST_CASE("a command that does not end in time is killed, with all that it started") {
  CHECK_THROWS_AS(run({"sh", "-c", "sleep 1000; echo"}, {}, std::chrono::milliseconds{50}), std::runtime_error);
}

TEST_CASE("a command ends for its caller although something that it started holds its output") {
  ChildProcess command{{"sh", "-c", "sleep 1000 & echo $!"}};
  REQUIRE(command.wait(std::chrono::seconds{10}) == 0);
  CHECK(::kill(std::stoi(command.output()), SIGKILL) == 0);
}

TEST_CASE("a program that is not there is an error of its own") {
  CHECK_THROWS_AS(run({"/nonexistent"}), std::system_error);
}

TEST_CASE("root can run a command as someone else") {
  if (::geteuid() != 0) return;
  CHECK(run_checked({"id", "-un"}, {.user = "nobody"}) == "nobody\n");
  CHECK_THROWS_AS(run({"id"}, {.user = "no-such-user"}), std::runtime_error);
}

TEST_CASE("a command that has to succeed throws with its output when it does not") {
  CHECK_THROWS_WITH_AS(run_checked({"sh", "-c", "echo sorry; exit 3"}),
                       "sh -c echo sorry; exit 3: ended with status 3; it printed:\nsorry\n", std::runtime_error);
}

TEST_SUITE_END();

}  // namespace pqlease::testing
