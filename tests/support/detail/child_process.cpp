#include "support/detail/child_process.hpp"

#include "support/detail/descriptors.hpp"
#include "support/detail/environment.hpp"
#include "support/detail/spawn.hpp"
#include "support/detail/step_down.hpp"

#include <fcntl.h>
#include <poll.h>

#include <csignal>
#include <exception>
#include <thread>
#include <utility>

namespace pqlease::testing {

namespace {

// A command's end is noticed this late at most when something else still holds its output.
constexpr std::chrono::milliseconds slice{5};

using Clock = std::chrono::steady_clock;

std::vector<std::string> command_line(std::vector<std::string> const &argv, std::string const &user) {
  if (user.empty()) return argv;
  auto result = step_down_to(user);
  result.insert(result.end(), argv.begin(), argv.end());
  return result;
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> const &argv, ProcessOptions const &options) {
  auto pipe = make_pipe();
  UniqueFd const input = options.input.empty() ? open_file("/dev/null", O_RDONLY) : file_with_content(options.input);
  pid_ = spawn({.argv = command_line(argv, options.user),
                .environment = environment_of_command(options.inherited, options.environment),
                .input = input.get(),
                .output = pipe.write_end.get(),
                .lifeline = options.lifeline,
                .directory = options.directory});
  output_ = std::move(pipe.read_end);
  ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);  // NOLINT(*-vararg): POSIX
}

ChildProcess::~ChildProcess() {
  if (status_) return;
  ::kill(-pid_, SIGKILL);
  try {
    static_cast<void>(wait_for_exit(pid_, std::chrono::seconds{10}));
  } catch (std::exception const &) {
    // Someone else reaped it: it is gone all the same.
  }
}

void ChildProcess::send_signal(int signal) const {
  if (!status_ && ::kill(pid_, signal) != 0) throw_errno("cannot signal process " + std::to_string(pid_));
}

bool ChildProcess::wait_for_output(std::string_view text, std::chrono::milliseconds timeout) {
  auto const deadline = Clock::now() + timeout;
  while (text_.find(text) == std::string::npos) {
    if (Clock::now() >= deadline || has_ended()) {
      read_what_is_there();
      return text_.find(text) != std::string::npos;
    }
    read_for(slice);
  }
  return true;
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds timeout) {
  auto const deadline = Clock::now() + timeout;
  while (!has_ended() && Clock::now() < deadline) read_for(slice);
  read_what_is_there();
  return status_;
}

void ChildProcess::read_for(std::chrono::milliseconds longest) {
  if (!output_) return std::this_thread::sleep_for(std::chrono::milliseconds{1});
  pollfd waited{.fd = output_.get(), .events = POLLIN, .revents = 0};
  ::poll(&waited, 1, static_cast<int>(longest.count()));
  read_what_is_there();
}

void ChildProcess::read_what_is_there() {
  if (output_ && read_available(output_.get(), text_)) output_.reset();
}

bool ChildProcess::has_ended() {
  if (!status_) status_ = try_reap(pid_);
  return status_.has_value();
}

}  // namespace pqlease::testing
