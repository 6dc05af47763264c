#include "support/detail/spawn.hpp"

#include "support/detail/descriptors.hpp"
#include "support/detail/poll_until.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace pqlease::testing {

namespace {

class FileActions {
public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  FileActions(FileActions const &) = delete;
  FileActions &operator=(FileActions const &) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

  void give(int fd, int as) { posix_spawn_file_actions_adddup2(&actions_, fd, as); }
  void run_in(std::string const &directory) { posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()); }

  // A server that outlives the call must not keep a test's socket open when the test left it inheritable.
  void close_from([[maybe_unused]] int lowest) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&actions_, lowest);
#endif
  }

  [[nodiscard]] posix_spawn_file_actions_t const *get() const { return &actions_; }

private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
public:
  explicit Attributes(Leads leads) {
    posix_spawnattr_init(&attributes_);
    int const group_or_session = leads == Leads::session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    int const flags = group_or_session | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
    set_signals();
  }
  Attributes(Attributes const &) = delete;
  Attributes &operator=(Attributes const &) = delete;
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }

  [[nodiscard]] posix_spawnattr_t const *get() const { return &attributes_; }

private:
  void set_signals() {
    sigset_t signals{};
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    for (int const signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }

  posix_spawnattr_t attributes_{};
};

std::vector<char *> pointers_to(std::vector<std::string> &texts) {
  std::vector<char *> result;
  result.reserve(texts.size() + 1);
  for (auto &text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void give_descriptors(FileActions &actions, SpawnRequest const &request) {
  actions.give(request.input, STDIN_FILENO);
  actions.give(request.output, STDOUT_FILENO);
  actions.give(request.output, STDERR_FILENO);
  bool const with_lifeline = request.lifeline >= 0;
  if (with_lifeline) actions.give(request.lifeline, SpawnRequest::lifeline_descriptor);
  actions.close_from(with_lifeline ? SpawnRequest::lifeline_descriptor + 1 : STDERR_FILENO + 1);
}

int shell_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

pid_t spawn(SpawnRequest const &request) {
  FileActions actions;
  give_descriptors(actions, request);
  actions.run_in(request.directory);
  Attributes const attributes{request.leads};
  auto argv = request.argv;
  auto environment = request.environment;
  pid_t pid{};
  int const error = posix_spawnp(&pid, argv.front().c_str(), actions.get(), attributes.get(), pointers_to(argv).data(),
                                 pointers_to(environment).data());
  if (error != 0) throw std::system_error{error, std::generic_category(), "cannot run " + argv.front()};
  return pid;
}

std::optional<int> try_reap(pid_t pid) {
  int status{};
  pid_t const ended = ::waitpid(pid, &status, WNOHANG);
  if (ended < 0 && errno != EINTR) throw_errno("cannot wait for process " + std::to_string(pid));
  if (ended <= 0) return std::nullopt;
  return shell_status(status);
}

std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout) {
  std::optional<int> status;
  auto const ended = [&] { return (status = try_reap(pid)).has_value(); };
  static_cast<void>(poll_until(ended, timeout));
  return status;
}

}  // namespace pqlease::testing
