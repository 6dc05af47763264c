#include "support/detail/guard.hpp"

#include "support/detail/descriptors.hpp"
#include "support/detail/environment.hpp"
#include "support/detail/server_programs.hpp"
#include "support/detail/spawn.hpp"
#include "support/detail/step_down.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace pqlease::testing {

namespace {

namespace fs = std::filesystem;

// Arguments: the folder, pg_ctl, and what to put before a command so that it steps down to the folder's owner.
// A test may have paused the postmaster, so it is told to go on. A server that does not stop is killed; its backends
// see that and end by themselves, which can take a few tries of rm. A pooler holds nothing that would be lost.
constexpr auto *script = R"sh(
trap '' INT TERM HUP
folder=$1 pg_ctl=$2
shift 2
read -r end_of_file
send() {
  signal=$1
  shift
  "$@" /bin/sh -c 'kill -s "$0" "$1"' "$signal" "$(head -n 1 "$folder/data/postmaster.pid")"
}
if [ -e "$folder/pgbouncer.pid" ]; then
  "$@" /bin/sh -c 'kill -s KILL "$(head -n 1 "$1")"' sh "$folder/pgbouncer.pid"
fi
send CONT "$@"
"$@" "$pg_ctl" stop --pgdata="$folder/data" --mode=immediate --wait --timeout=15
if "$@" "$pg_ctl" status --pgdata="$folder/data"; then
  send KILL "$@"
fi
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$folder" && exit 0
  sleep 0.2
done
exit 1
)sh";

constexpr auto *name_pattern = "/pqlease-XXXXXX";

bool leaves_room_for_a_socket(std::string const &parent) {
  auto const longest = parent + name_pattern + "/.s.PGSQL.65535";
  return longest.size() < sizeof(sockaddr_un::sun_path);
}

std::string parent_folder() {
  auto const parent = environment_value("TMPDIR").value_or("/tmp");
  return leaves_room_for_a_socket(fs::absolute(parent)) ? fs::absolute(parent).string() : "/tmp";
}

fs::path make_folder() {
  auto path = parent_folder() + name_pattern;
  if (::mkdtemp(path.data()) == nullptr) throw_errno("cannot make a folder in " + parent_folder());
  return path;
}

// Others may pass, to reach the socket.
void hand_over(fs::path const &folder) {
  if (::chmod(folder.c_str(), 0711) != 0) throw_errno("cannot open " + folder.string() + " to others");
  auto const user = server_user();
  if (user && ::chown(folder.c_str(), user->uid, user->gid) != 0)
    throw_errno("cannot hand " + folder.string() + " over to " + user->name);
}

pid_t spawn_guard(fs::path const &folder, int input) {
  std::vector<std::string> argv{"/bin/sh", "-c", script, "pqlease-guard", folder, find_server_programs() / "pg_ctl"};
  auto const stepping_down = step_down_to_owner_of(folder);
  argv.insert(argv.end(), stepping_down.begin(), stepping_down.end());
  auto const output = open_file("/dev/null", O_WRONLY);
  return spawn({.argv = argv,
                .environment = environment_of_command(Inherited::without_libpq, {"LC_ALL=C"}),
                .input = input,
                .output = output.get(),
                .leads = Leads::session});
}

}  // namespace

Guard::Guard() : folder_{make_folder()}, owner_{::getpid()} {
  try {
    start();
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    throw;
  }
}

Guard::~Guard() {
  lifeline_.reset();
  if (::getpid() != owner_) return;
  try {
    auto const status = wait_for_exit(pid_, std::chrono::seconds{60});
    if (status == 0) return;
    std::cerr << "pqlease test support: " << folder_ << " is not removed yet: "
              << (status ? "its guard failed" : "does a process forked from this one still run?") << '\n';
  } catch (std::exception const &error) {
    std::cerr << "pqlease test support: the guard of " << folder_ << ": " << error.what() << '\n';
  }
}

fs::path Guard::lifeline_of(fs::path const &folder) { return folder / "lifeline"; }

void Guard::start() {
  hand_over(folder_);
  auto const path = lifeline_of(folder_);
  if (::mkfifo(path.c_str(), 0600) != 0) throw_errno("cannot make " + path.string());
  // Opened in this order neither end waits for the other, and the guard never sees an end without a beginning.
  auto const read_end = open_file(path, O_RDONLY | O_NONBLOCK);
  lifeline_ = open_file(path, O_WRONLY);
  ::fcntl(read_end.get(), F_SETFL, 0);  // NOLINT(*-vararg): POSIX
  pid_ = spawn_guard(folder_, read_end.get());
}

}  // namespace pqlease::testing
