#include "support/detail/server_tools.hpp"

#include "support/detail/descriptors.hpp"
#include "support/detail/guard.hpp"
#include "support/detail/server_programs.hpp"
#include "support/detail/step_down.hpp"

#include <fcntl.h>

#include <stdexcept>
#include <system_error>
#include <utility>

namespace pqlease::testing {

namespace {

// The shell holds the lifeline for as long as the command runs, and the command, from which a server would inherit it,
// does not. The exit keeps the shell from making way for its last command.
constexpr auto *holding_the_lifeline = R"("$@" 3>&-; exit $?)";

UniqueFd open_lifeline(std::filesystem::path const &folder) {
  try {
    return open_file(Guard::lifeline_of(folder), O_WRONLY | O_NONBLOCK);
  } catch (std::system_error const &error) {
    throw std::runtime_error{"the cluster in " + folder.string() + " is no longer guarded (" + error.what() +
                             "): has the process that started it ended?"};
  }
}

}  // namespace

ServerTools::ServerTools(std::filesystem::path folder)
    : folder_{std::move(folder)}, programs_{find_server_programs()} {}

RunResult ServerTools::run(std::string const &program, std::vector<std::string> const &arguments) const {
  auto const lifeline = open_lifeline(folder_);
  std::vector<std::string> argv{"/bin/sh", "-c", holding_the_lifeline, "sh"};
  auto const stepping_down = step_down_to_owner_of(folder_);
  argv.insert(argv.end(), stepping_down.begin(), stepping_down.end());
  argv.push_back(programs_ / program);
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  ProcessOptions const options{
      .environment = {"LC_ALL=C"}, .inherited = Inherited::without_libpq, .lifeline = lifeline.get()};
  return testing::run(argv, options, std::chrono::seconds{120});
}

}  // namespace pqlease::testing
