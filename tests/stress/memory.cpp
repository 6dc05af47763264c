#include "memory.hpp"

#include <unistd.h>

#include <fstream>

namespace pqlease::stress {

std::size_t resident_set() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return file ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace pqlease::stress
