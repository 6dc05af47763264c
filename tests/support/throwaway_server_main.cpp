// throwaway-server [--] COMMAND ARGS...: runs a command beside a PostgreSQL server of its own.

#include "support/test_server.hpp"
#include "support/throwaway_server.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace {

using pqlease::testing::environment_names_a_server;
using pqlease::testing::NoServer;
using pqlease::testing::ThrowawayServer;

// As env and timeout have it; 77 tells a test runner that a test was skipped.
enum ExitStatus { skipped = 77, failed = 125, not_executable = 126, not_found = 127 };

constexpr std::string_view usage =
    "usage: throwaway-server [--] COMMAND [ARGUMENT...]\n"
    "Starts a private PostgreSQL server, runs COMMAND with PGHOST, PGPORT, PGUSER, PGDATABASE and\n"
    "PQLEASE_TEST_SERVER set for it, and removes the server when COMMAND ends. Ends with COMMAND's status.\n"
    "Where the environment already names a server, COMMAND runs with that one.\n";

[[noreturn]] void become(char **command) {
  ::execvp(*command, command);
  int const error = errno;
  std::cerr << "throwaway-server: cannot run " << *command << ": " << std::generic_category().message(error) << '\n';
  ::_exit(error == ENOENT ? not_found : not_executable);
}

// NOLINTBEGIN(concurrency-mt-unsafe): this program has one thread
void name_in_environment(ThrowawayServer const &server) {
  ::setenv("PGHOST", server.socket_directory().c_str(), 1);
  ::setenv("PGPORT", std::to_string(server.port()).c_str(), 1);
  ::setenv("PGUSER", "postgres", 1);
  ::setenv("PGDATABASE", "postgres", 1);
  ::setenv("PQLEASE_TEST_SERVER", server.folder().c_str(), 1);
}

// A command must not be left without its server when this program is killed outright.
void end_with(pid_t parent) {
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // NOLINT(*-vararg): Linux
#endif
  if (::getppid() != parent) ::_exit(failed);
}

pid_t start(char **command, sigset_t const &signals_of_command) {
  pid_t const parent = ::getpid();
  pid_t const pid = ::fork();
  if (pid != 0) return pid;
  end_with(parent);
  ::sigprocmask(SIG_SETMASK, &signals_of_command, nullptr);
  become(command);
}

// NOLINTEND(concurrency-mt-unsafe)

// The kernel's own signals (Ctrl-C, a closed terminal) went to the command as well.
bool is_for_us_alone(siginfo_t const &signal) { return signal.si_code <= 0; }

int wait_and_pass_signals_on(pid_t command, sigset_t const &awaited) {
  int status{};
  while (::waitpid(command, &status, WNOHANG) != command) {
    siginfo_t signal{};
    int const number = ::sigwaitinfo(&awaited, &signal);
    if (number > 0 && number != SIGCHLD && is_for_us_alone(signal)) ::kill(command, number);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_beside_server(char **command) {
  ThrowawayServer const server;
  std::cerr << "throwaway-server: PostgreSQL " << server.server_version() << " is up on port " << server.port()
            << " in " << server.folder().string() << '\n';
  name_in_environment(server);
  sigset_t awaited{};
  sigset_t before{};
  ::sigemptyset(&awaited);
  for (int const signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&awaited, signal);
  ::sigprocmask(SIG_BLOCK, &awaited, &before);  // until the end: nothing may cut the clearing up short
  pid_t const pid = start(command, before);
  if (pid < 0) throw std::runtime_error{"cannot fork"};
  return wait_and_pass_signals_on(pid, awaited);
}

int run(char **command) {
  if (environment_names_a_server()) become(command);
  try {
    int const status = run_beside_server(command);
    std::cerr << "throwaway-server: stopped and removed\n";
    return status;
  } catch (NoServer const &error) {
    std::cerr << "throwaway-server: " << error.what() << '\n';
    return skipped;
  } catch (std::exception const &error) {
    std::cerr << "throwaway-server: " << error.what() << '\n';
    return failed;
  }
}

}  // namespace

int main(int argc, char **argv) {
  ::signal(SIGCHLD, SIG_DFL);  // inherited as ignored, it would hide the end of the command
  std::string_view const first = argc > 1 ? argv[1] : "";
  if (first == "--help" || first == "-h") {
    std::cout << usage;
    return EXIT_SUCCESS;
  }
  char **command = first == "--" ? argv + 2 : argv + 1;
  bool const is_option = first.starts_with('-') && first != "--";
  if (*command != nullptr && !is_option) return run(command);
  std::cerr << usage;
  return failed;
}
