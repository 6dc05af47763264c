#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <atomic>
#include <chrono>
#include <iostream>
#include <stop_token>
#include <string>

namespace {

using namespace std::chrono_literals;

//! [request]
/// The answer to one request of a web service, which has better things to do than to wait for a database.
std::string answer(pqlease::ManagedConnection &manager) {
  try {
    auto lease = manager.lease_for(250ms);
    pqxx::work transaction{*lease};
    auto text = transaction.query_value<std::string>("SELECT 'here you are'");
    transaction.commit();
    return text;
  } catch (pqlease::ConnectionDown const &down) {
    auto const seconds = std::chrono::ceil<std::chrono::seconds>(down.retry_in());
    return "503, Retry-After: " + std::to_string(seconds.count());
  }
}
//! [request]

//! [worker]
/// One turn of a worker that has nothing else to do: it waits until the server is back, or the daemon stops.
void store(pqlease::ManagedConnection &manager, std::stop_token const &stop) {
  while (!stop.stop_requested()) {
    try {
      auto lease = manager.lease(stop);  // waits out the back-off
      pqxx::work transaction{*lease};
      transaction.exec("SELECT 1");
      transaction.commit();
      return;
    } catch (pqlease::ConnectionDown const &) {
      // An attempt has failed, and the log has told of it. The next turn waits for the next one.
    } catch (pqxx::broken_connection const &) {
      // Lost before COMMIT, so that nothing of it is in the database.
    }
  }
}
//! [worker]

//! [options]
pqlease::Options for_a_web_service() {
  return {
      .connect_timeout = 2s,
      .reconnect = {.initial_delay = 50ms, .factor = 2.0, .max_delay = 5s, .mode = pqlease::ReconnectMode::fail_fast},
  };
}
//! [options]

}  // namespace

int main() {
  std::atomic<bool> up{false};
  auto const server = [&] { return std::string{up ? "dbname=postgres" : "host=/nonexistent"}; };

  pqlease::ManagedConnection fast{server, for_a_web_service()};
  std::cout << answer(fast) << '\n';
  if (!answer(fast).starts_with("503")) return 1;
  up = true;
  while (answer(fast) != "here you are") {}

  up = false;
  pqlease::ManagedConnection patient{server};
  std::stop_source const stop;
  try {
    static_cast<void>(patient.lease());
    return 1;
  } catch (pqlease::ConnectionDown const &down) {
    std::cout << down.what() << ", next attempt in " << down.retry_in().count() << " ms\n";
  }
  up = true;
  store(patient, stop.get_token());
  return patient.epoch() == 1 ? 0 : 1;
}
