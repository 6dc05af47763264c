#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <iostream>

namespace {

// Returns what a supervisor would do next.
std::string attempt(pqlease::ManagedConnection &manager) {
  //! [handling]
  try {
    auto lease = manager.lease_for(std::chrono::seconds{1});
    pqxx::work transaction{*lease};
    transaction.exec("SELECT 1");
    transaction.commit();
    return "done";
  } catch (pqlease::ConnectionDown const &down) {
    return down.sqlstate().starts_with("28") ? "check the credentials" : "try again later";
  } catch (pqlease::LeaseTimeout const &) {
    return "shed load";
  } catch (pqlease::Error const &error) {
    std::cerr << error.what() << '\n';
    return "report a bug";
  } catch (pqxx::failure const &error) {
    std::cerr << error.what() << '\n';
    return "look at the SQL";
  }
  //! [handling]
}

}  // namespace

int main() {
  pqlease::ManagedConnection reachable{"dbname=postgres"};
  pqlease::ManagedConnection unreachable{"host=/nonexistent"};
  return attempt(reachable) == "done" && attempt(unreachable) == "try again later" ? 0 : 1;
}
