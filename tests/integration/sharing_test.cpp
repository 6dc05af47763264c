#include "fixture.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using pqlease::testing::Fixture;

TEST_SUITE_BEGIN("sharing");

TEST_CASE("threads that share one session never see each other's transactions, and no cent is lost") {
  Fixture fixture;
  fixture.manager.with_lease([&](pqxx::connection &connection) {
    pqxx::work transaction{connection};
    transaction.exec("INSERT INTO " + fixture.table + " SELECT g::text, '100' FROM generate_series(1, 4) g");
    transaction.commit();
  });
  constexpr int rounds = 50;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < rounds; ++round) {
          auto lease = fixture.manager.lease();
          pqxx::work transaction{*lease};
          auto const move = [&](int account, char const *sign) {
            transaction.exec("UPDATE " + fixture.table + " SET value = (value::int " + sign +
                             " 1)::text WHERE key = '" + std::to_string(account % 4 + 1) + "'");
          };
          move(i, "-");
          move(i + round, "+");
          transaction.commit();
        }
      });
    }
  }
  CHECK(fixture.manager.with_lease([&](pqxx::connection &connection) {
    return pqxx::nontransaction{connection}.query_value<int>("SELECT sum(value::int) FROM " + fixture.table);
  }) == 400);
  auto const statistics = fixture.manager.statistics();
  CHECK(statistics.leases_granted == 8 * rounds + 2);
  CHECK(statistics.leases_contended > 0);
  CHECK(statistics.sessions_opened == 1);
  CHECK(statistics.leaks == 0);
}

TEST_CASE("getters never wait, while one thread holds the lease and others queue for it") {
  Fixture fixture;
  auto lease = fixture.manager.lease();
  std::jthread waiter{[&](std::stop_token const &stop) {
    CHECK_THROWS_AS(static_cast<void>(fixture.manager.lease(stop)), pqlease::LeaseCancelled);
  }};
  std::jthread{[&] {
    CHECK(fixture.manager.status() == pqlease::Status::leased);
    CHECK(fixture.manager.is_open());
    CHECK(fixture.manager.epoch() == 1);
    CHECK(fixture.manager.statistics().leases_granted == 1);
  }}.join();
}

TEST_SUITE_END();
