#include "measure/processors.hpp"

#include <cerrno>
#include <system_error>

namespace pqlease::benchmarks {
namespace {

constexpr pid_t calling_thread = 0;

}  // namespace

std::vector<int> allowed_processors() {
  std::vector<int> processors;
  cpu_set_t set{};
  if (::sched_getaffinity(calling_thread, sizeof set, &set) != 0) return processors;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  }
  return processors;
}

bool keep_on_processor(pid_t process, int processor) noexcept {
  cpu_set_t set{};
  CPU_SET(processor, &set);
  return ::sched_setaffinity(process, sizeof set, &set) == 0;
}

StayOnProcessor::StayOnProcessor(int processor) {
  if (::sched_getaffinity(calling_thread, sizeof before_, &before_) != 0 ||
      !keep_on_processor(calling_thread, processor))
    throw std::system_error{errno, std::generic_category(), "cannot stay on one processor"};
}

StayOnProcessor::~StayOnProcessor() { ::sched_setaffinity(calling_thread, sizeof before_, &before_); }

}  // namespace pqlease::benchmarks
