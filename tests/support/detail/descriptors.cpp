#include "support/detail/descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace pqlease::testing {

namespace {

constexpr int lowest_descriptor = 10;

UniqueFd lifted(UniqueFd const &fd) {
  UniqueFd result{::fcntl(fd.get(), F_DUPFD_CLOEXEC, lowest_descriptor)};
  if (!result) throw_errno("cannot duplicate a descriptor");
  return result;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t const written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) throw_errno("cannot write to a temporary file");
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  UniqueFd const read_end{ends[0]};
  UniqueFd const write_end{ends[1]};
  return {lifted(read_end), lifted(write_end)};
}

UniqueFd open_file(std::string const &path, int flags) {
  UniqueFd const fd{::open(path.c_str(), flags | O_CLOEXEC)};  // NOLINT(*-vararg): POSIX
  if (!fd) throw_errno("cannot open " + path);
  return lifted(fd);
}

UniqueFd file_with_content(std::string const &content) {
  std::string path = "/tmp/pqlease-input-XXXXXX";
  UniqueFd const fd{::mkostemp(path.data(), O_CLOEXEC)};
  if (!fd) throw_errno("cannot make a file in /tmp");
  ::unlink(path.c_str());
  write_all(fd.get(), content);
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) throw_errno("cannot rewind a temporary file");
  return lifted(fd);
}

bool read_available(int fd, std::string &text) {
  std::array<char, 4096> buffer{};
  while (true) {
    ssize_t const count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0) return true;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0 && errno != EINTR) throw_errno("cannot read a command's output");
  }
}

void throw_errno(std::string const &what) { throw std::system_error{errno, std::generic_category(), what}; }

}  // namespace pqlease::testing
