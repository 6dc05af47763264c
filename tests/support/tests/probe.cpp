#include "probe.hpp"

#include "support/detail/poll_until.hpp"
#include "support/detail/server_programs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace pqlease::testing {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds patience{30};

bool is_process(fs::path const &path) {
  auto const name = path.filename().string();
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string command_line(fs::path const &process) {
  std::ifstream file{process / "cmdline"};
  std::ostringstream read;
  read << file.rdbuf();  // unlike an iterator it does not throw when the process ends meanwhile
  auto text = read.str();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

std::string working_directory(fs::path const &process) {
  std::error_code gone;
  return fs::read_symlink(process / "cwd", gone).string();
}

ProcessOptions reading(std::string const &sql) { return {.inherited = Inherited::without_libpq, .input = sql}; }

int number_in_first_line(ChildProcess &psql) {
  if (!psql.wait_for_output("\n", patience)) throw std::runtime_error{"no session: " + psql.output()};
  return std::stoi(psql.output());
}

}  // namespace

PrivateTmp::PrivateTmp() {
  std::string path = "/tmp/pqlease-test-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error{"cannot make a folder in /tmp"};
  ::chmod(path.c_str(), 0777);
  path_ = path;
}

PrivateTmp::~PrivateTmp() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::optional<fs::path> PrivateTmp::folder_with(fs::path const &file) const {
  for (auto const &entry : fs::directory_iterator{path_}) {
    std::error_code not_yet;
    if (fs::exists(entry.path() / file, not_yet)) return entry.path();
  }
  return std::nullopt;
}

bool PrivateTmp::becomes_empty() const {
  return poll_until([&] { return fs::is_empty(path_) && processes_at_work_in(path_).empty(); }, patience);
}

std::vector<std::string> processes_at_work_in(fs::path const &folder) {
  std::vector<std::string> result;
  std::error_code no_proc;
  for (auto const &entry : fs::directory_iterator{"/proc", no_proc}) {
    if (!is_process(entry.path())) continue;
    auto line = command_line(entry.path());
    bool const works_there = working_directory(entry.path()).starts_with(folder.string());
    if (works_there || line.find(folder.string()) != std::string::npos) result.push_back(std::move(line));
  }
  return result;
}

ScopedVariable::ScopedVariable(std::string name, std::string const &value) : name_{std::move(name)} {
  ::setenv(name_.c_str(), value.c_str(), 1);
}

ScopedVariable::~ScopedVariable() { ::unsetenv(name_.c_str()); }

std::vector<std::string> throwaway_server_program(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PQLEASE_THROWAWAY_SERVER);
  return arguments;
}

OpenSession::OpenSession(std::string const &conninfo)
    : psql_{{find_psql(), "-X", "-A", "-t", "-d", conninfo},
            reading("SELECT pg_backend_pid();\nSELECT pg_sleep(600);")},
      pid_{number_in_first_line(psql_)} {}

std::string OpenSession::last_words() {
  if (!psql_.wait(patience)) throw std::runtime_error{"the session goes on: " + psql_.output()};
  return psql_.output();
}

}  // namespace pqlease::testing
