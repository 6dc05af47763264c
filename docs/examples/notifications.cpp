#include <pqlease/pqlease.hpp>

#include <pqxx/pqxx>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>
#include <unordered_map>

namespace {

//! [cache]
/// Keeps what the table `settings` says, as it is: each change of a row is told on a channel by a trigger.
class Settings {
public:
  explicit Settings(pqlease::ManagedConnection &manager) : manager_{manager} { reload(); }

  [[nodiscard]] std::string value(std::string const &key) const {
    std::scoped_lock const lock{mutex_};
    auto const found = values_.find(key);
    return found == values_.end() ? std::string{} : found->second;
  }

private:
  void changed(pqlease::Notification const &notification) {
    std::cout << (notification.is_gap() ? "gap" : "changed: " + notification.payload) << '\n';
    reload();  // after a gap there is no telling what has changed
  }

  void reload() {
    auto lease = manager_.lease();
    std::unordered_map<std::string, std::string> values;
    for (auto const &row : pqxx::nontransaction{*lease}.exec("SELECT key, value FROM settings")) {
      values.emplace(row[0].as<std::string>(), row[1].as<std::string>());
    }
    // While the lease lasts, so that no older answer takes the place of a newer one.
    std::scoped_lock const lock{mutex_};
    values_ = std::move(values);
  }

  pqlease::ManagedConnection &manager_;
  mutable std::mutex mutex_;  // guards values_
  std::unordered_map<std::string, std::string> values_;
  // Last, so that it ends first: afterwards no handler runs.
  pqlease::Subscription subscription_{
      manager_.listen("settings", [this](pqlease::Notification const &notification) { changed(notification); })};
};
//! [cache]

void create_table(pqlease::ManagedConnection &manager) {
  manager.with_lease([](pqxx::connection &connection) {
    pqxx::nontransaction{connection}.exec(R"(
      DROP TABLE IF EXISTS settings;
      CREATE TABLE settings (key text PRIMARY KEY, value text NOT NULL);
      INSERT INTO settings VALUES ('greeting', 'hello');
      CREATE OR REPLACE FUNCTION settings_changed() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('settings', NEW.key);
        RETURN NULL;
      END $$;
      CREATE TRIGGER changed AFTER INSERT OR UPDATE ON settings
        FOR EACH ROW EXECUTE FUNCTION settings_changed();)");
  });
}

void set(pqlease::ManagedConnection &manager, std::string const &value) {
  //! [in_a_block]
  manager.atomic([&](pqxx::transaction_base &transaction) {
    transaction.exec("UPDATE settings SET value = $1 WHERE key = 'greeting'", pqxx::params{value});
    manager.notify("audit", "the greeting has changed");  // sent if the block commits
  });
  //! [in_a_block]
}

/// Waits for what another thread does.
class Latch {
public:
  void open() {
    std::scoped_lock const lock{mutex_};
    is_open_ = true;
    opened_.notify_all();
  }
  [[nodiscard]] bool wait() {
    std::unique_lock lock{mutex_};
    return opened_.wait_for(lock, std::chrono::seconds{20}, [this] { return is_open_; });
  }

private:
  std::mutex mutex_;  // guards is_open_
  std::condition_variable opened_;
  bool is_open_{false};
};

bool is_told_of_another_session(pqlease::ManagedConnection &manager) {
  Latch reopened;
  //! [on_reopen]
  auto const watch = manager.on_reopen([&] {
    std::cout << "session " << manager.epoch() << '\n';
    reopened.open();
  });
  //! [on_reopen]
  manager.close();
  return reopened.wait();
}

}  // namespace

int main() {
  pqlease::ManagedConnection manager{"dbname=postgres"};
  create_table(manager);
  Settings const settings{manager};
  // Behind the handler of `settings`, since handlers run one after the other in the order of what was sent.
  Latch audited;
  auto const audit = manager.listen("audit", [&](pqlease::Notification const &notification) {
    if (!notification.is_gap()) audited.open();
  });
  set(manager, "good morning");
  bool const good =
      audited.wait() && settings.value("greeting") == "good morning" && is_told_of_another_session(manager);
  manager.shutdown();
  return good ? 0 : 1;
}
