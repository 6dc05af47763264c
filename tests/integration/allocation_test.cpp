// A program of its own, since it replaces operator new.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "support/test_server.hpp"
#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> allocations{0};

}  // namespace

// Not inlined, or the compiler sees free() meet new.
[[gnu::noinline]] void *operator new(std::size_t size) {
  ++allocations;
  if (auto *const memory = std::malloc(size)) return memory;
  throw std::bad_alloc{};
}

[[gnu::noinline]] void operator delete(void *memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("a lease that nobody contends for allocates nothing") {
  pqlease::ManagedConnection manager{pqlease::testing::test_server().conninfo(),
                                     {.idle_probe_after = std::chrono::hours{1}}};
  { auto lease = manager.lease(); }
  auto const before = allocations.load();
  for (int i = 0; i < 100; ++i) {
    auto lease = manager.lease();
  }
  CHECK(allocations.load() == before);
  CHECK(manager.epoch() == 1);
}

TEST_CASE("an atomic block that nobody contends for allocates nothing but what its statements do") {
  pqlease::ManagedConnection manager{pqlease::testing::test_server().conninfo(),
                                     {.idle_probe_after = std::chrono::hours{1}}};
  pqlease::AtomicOptions const options{.isolation = pqlease::IsolationLevel::repeatable_read,
                                       .access = pqlease::AccessMode::read_only};
  auto const block = [](pqxx::transaction_base &) { return 1; };
  manager.atomic(block);
  auto const before = allocations.load();
  for (int i = 0; i < 100; ++i) {
    manager.atomic(block);
    manager.atomic(options, block);
    auto tx = manager.begin();
    tx.commit();
  }
  CHECK(allocations.load() == before);
  CHECK(manager.statistics().blocks_committed == 301);
}
