#include "ratios/allocations.hpp"

#include <cstdlib>
#include <new>

namespace {

// By thread, so that counting costs both sides of a comparison next to nothing.
constinit thread_local std::uint64_t allocations{0};

}  // namespace

// Not inlined, or the compiler sees free() meet new. The array forms and the ones that do not throw come here as well.
[[gnu::noinline]] void *operator new(std::size_t size) {
  ++allocations;
  if (auto *const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}

[[gnu::noinline]] void *operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  auto const unit = static_cast<std::size_t>(alignment);
  if (auto *const memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc{};
}

[[gnu::noinline]] void operator delete(void *memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace pqlease::benchmarks {

std::uint64_t allocations_of_this_thread() noexcept { return allocations; }

}  // namespace pqlease::benchmarks
