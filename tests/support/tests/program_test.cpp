// The throwaway-server program.

#include "probe.hpp"
#include "support/detail/poll_until.hpp"
#include "support/psql.hpp"
#include "support/subprocess.hpp"
#include "support/test_server.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace pqlease::testing {

namespace {

constexpr std::chrono::seconds patience{30};

// A program whose command says that it is up, and then waits for ever, at work in the folder.
ChildProcess start_waiting_program(PrivateTmp const &tmp, std::string const &setting = "UNUSED=") {
  auto argv = throwaway_server_program({"sh", "-c", "cd $PQLEASE_TEST_SERVER; echo ready in $PWD; exec sleep 1000"});
  std::vector<std::string> const without_core_file{"sh", "-c", R"(ulimit -c 0; exec "$@")", "sh"};
  argv.insert(argv.begin(), without_core_file.begin(), without_core_file.end());
  return ChildProcess{argv, {.environment = {tmp.as_environment(), setting}}};
}

struct WaitingProgram {
  PrivateTmp tmp{};
  ChildProcess program{start_waiting_program(tmp)};

  WaitingProgram() { REQUIRE(program.wait_for_output("ready in " + tmp.path().string(), patience)); }
};

// Stands in for PostgreSQL's programs: an initdb that writes until it is told to end.
class SlowInitdb {
public:
  SlowInitdb() {
    auto const program = folder_.path() / "initdb";
    std::ofstream{program} << "#!/bin/sh\n"
                              "data=${1#--pgdata=} told_to_end=${0%/*}/end attempts=0\n"
                              "mkdir $data && : > $data/begun\n"
                              "until [ -e $told_to_end ] || [ $((attempts += 1)) -gt 3000 ]; do sleep 0.01; done\n"
                              "mkdir -p $data/late\n"
                              "exit 1\n";
    std::filesystem::permissions(program, std::filesystem::perms{0755});
  }

  [[nodiscard]] std::string as_environment() const { return "PQLEASE_PG_BINDIR=" + folder_.path().string(); }
  void let_it_end() const { std::ofstream{folder_.path() / "end"}; }

private:
  PrivateTmp folder_{};
};

RunResult run_shell(std::string const &command, std::vector<std::string> environment = {}) {
  return run(throwaway_server_program({"--", "sh", "-c", command}), {.environment = std::move(environment)});
}

std::string without_notices(std::string const &output) {
  std::istringstream lines{output};
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("throwaway-server: ")) result += line + '\n';
  }
  return result;
}

}  // namespace

TEST_SUITE_BEGIN("support");

TEST_CASE("the program gives its command a server and passes the command's status through") {
  PrivateTmp const tmp;
  auto const result =
      run_shell("psql -XAt -c 'SELECT current_user, current_database()'; exit 42", {tmp.as_environment()});
  CHECK(result.status == 42);
  CHECK(without_notices(result.output) == "postgres|postgres\n");
  CHECK(result.output.find("throwaway-server: PostgreSQL ") != std::string::npos);
  CHECK(result.output.find("throwaway-server: stopped and removed") != std::string::npos);
  CHECK(tmp.becomes_empty());
}

TEST_CASE("a command that a signal ended gives the status of the shell") {
  CHECK(run_shell("kill -USR1 $$").status == 128 + SIGUSR1);
}

TEST_CASE("a command that cannot be run is told apart from one that fails") {
  ProcessOptions const quickly{.environment = {"PGHOST=elsewhere"}};
  CHECK(run(throwaway_server_program({"/nonexistent"}), quickly).status == 127);
  CHECK(run(throwaway_server_program({"/"}), quickly).status == 126);
  CHECK(run(throwaway_server_program({})).status == 125);
  CHECK(run(throwaway_server_program({"--no-such-option"})).status == 125);
}

TEST_CASE("the program starts nothing where the environment names a server") {
  auto const result = run_shell("echo $PGHOST $PQLEASE_TEST_SERVER; exit 3", {"PGHOST=elsewhere"});
  CHECK(result.status == 3);
  CHECK(result.output == "elsewhere\n");
}

TEST_CASE("a server that cannot be started is told apart from a command that fails") {
  auto const result = run_shell("exit 0", {"PQLEASE_PG_BINDIR=/nonexistent"});
  CHECK(result.status == 125);
  CHECK(result.output.find("PQLEASE_PG_BINDIR=/nonexistent holds no initdb") != std::string::npos);
}

TEST_CASE("a command of the program can stop and start its server") {
  auto const self = std::filesystem::read_symlink("/proc/self/exe").string();
  auto const result = run(throwaway_server_program({self, "--no-skip", "--test-case=inside the program: *"}),
                          {.environment = {"PQLEASE_TEST_INSIDE=yes"}});
  INFO(result.output);
  CHECK(result.status == 0);
  CHECK(result.output.find("1 passed") != std::string::npos);
}

TEST_CASE("inside the program: the server is stopped and started" * doctest::skip()) {
  auto &server = test_server();
  CHECK(server.describe().find(std::getenv("PQLEASE_TEST_SERVER")) != std::string::npos);
  server.restart(StopMode::immediate);
  CHECK(psql("", "SHOW port", Inherited::everything) == std::to_string(server.loopback_port().value()));
}

TEST_CASE("signals are passed on to the command, and the server goes after it") {
  for (int const signal : {SIGINT, SIGTERM, SIGHUP}) {
    CAPTURE(signal);
    WaitingProgram waiting;
    waiting.program.send_signal(signal);
    CHECK(waiting.program.wait(patience) == 128 + signal);
    CHECK(std::filesystem::is_empty(waiting.tmp.path()));
    CHECK(waiting.tmp.becomes_empty());
  }
}

TEST_CASE("nothing is left when the owner of a server is killed or aborts") {
  int signal = SIGKILL;
  int targets = 1;
  SUBCASE("by SIGKILL") {}
  SUBCASE("by SIGKILL to its whole process group") { targets = -1; }
  SUBCASE("by abort()") { signal = SIGABRT; }
  WaitingProgram waiting;
  REQUIRE(::kill(targets * waiting.program.pid(), signal) == 0);
  CHECK(waiting.program.wait(patience) == 128 + signal);
  CHECK(waiting.tmp.becomes_empty());
}

TEST_CASE("nothing is left when the owner is killed while the server is still being made") {
  PrivateTmp const tmp;
  char const *milestone{};
  SUBCASE("by initdb") { milestone = "data/base"; }
  SUBCASE("by pg_ctl") { milestone = "server.log"; }
  SUBCASE("by postgres") { milestone = "data/postmaster.pid"; }
  auto program = start_waiting_program(tmp);
  REQUIRE(poll_until([&] { return tmp.folder_with(milestone).has_value(); }, patience));
  program.send_signal(SIGKILL);
  CHECK(program.wait(patience) == 128 + SIGKILL);
  CHECK(tmp.becomes_empty());
}

TEST_CASE("a folder is not removed while a tool of its owner is still at work in it") {
  PrivateTmp const tmp;
  SlowInitdb const tools;
  auto program = start_waiting_program(tmp, tools.as_environment());
  REQUIRE(poll_until([&] { return tmp.folder_with("data/begun").has_value(); }, patience));
  program.send_signal(SIGKILL);
  CHECK(program.wait(patience) == 128 + SIGKILL);
  CHECK_FALSE(poll_until([&] { return std::filesystem::is_empty(tmp.path()); }, std::chrono::milliseconds{200}));
  tools.let_it_end();
  CHECK(tmp.becomes_empty());
}

TEST_SUITE_END();

}  // namespace pqlease::testing
