#include "fixture.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>

namespace pqlease::testing {
namespace {

std::string unique_table() {
  static std::atomic<int> count{0};
  return "example_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
}

Options with_logger(Options options, LogCapture const &log) {
  if (!options.logger) options.logger = log.logger();
  return options;
}

}  // namespace

Fixture::Fixture(Options options) : Fixture{test_server().conninfo(), std::move(options)} {}

Fixture::Fixture(std::string const &conninfo, Options options)
    : server{test_server()}, table{unique_table()}, manager{conninfo, with_logger(std::move(options), log)} {
  execute("CREATE TABLE " + table + " (key varchar PRIMARY KEY, value varchar)");
}

Fixture::~Fixture() {
  try {
    execute("DROP TABLE " + table);
  } catch (std::exception const &error) {
    std::cout << "could not drop " << table << ": " << error.what() << '\n';
  }
}

void Fixture::execute(std::string const &sql) const {
  pqxx::connection connection{server.conninfo()};
  pqxx::nontransaction transaction{connection};
  transaction.exec("SET lock_timeout = '10s'");
  transaction.exec(sql);
}

int Fixture::committed_rows() const {
  pqxx::connection connection{server.conninfo()};
  return pqxx::nontransaction{connection}.query_value<int>("SELECT count(*) FROM " + table);
}

std::string Fixture::insert_statement() const {
  return "INSERT INTO " + table + " VALUES (gen_random_uuid()::text, 'bar')";
}

void Fixture::insert(pqxx::transaction_base &transaction) const { transaction.exec(insert_statement()); }

void Fixture::begin_by_hand(pqxx::connection &connection) const {
  pqxx::nontransaction transaction{connection};
  transaction.exec("BEGIN");
  insert(transaction);
}

int backend_of(Lease &lease) { return pqxx::nontransaction{*lease}.query_value<int>("SELECT pg_backend_pid()"); }

std::optional<std::string> loopback_conninfo(std::optional<std::uint16_t> port) {
  auto const own_port = test_server().loopback_port();
  if (own_port) return test_server().conninfo() + " host=127.0.0.1 port=" + std::to_string(port.value_or(*own_port));
  std::cout << "not tested: the server named by the environment is not on 127.0.0.1\n";
  return std::nullopt;
}

SilentBackend::SilentBackend(int pid) : pid_{pid} {
  // One from behind a pooler may be negative, and then mean a group of processes.
  if (pid <= 1 || ::kill(pid, SIGSTOP) != 0) throw std::runtime_error{"cannot stop backend " + std::to_string(pid)};
}

SilentBackend::~SilentBackend() { ::kill(pid_, SIGCONT); }

std::string full_text(std::exception const &error) {
  std::string text{error.what()};
  std::cout << "error> " << text << '\n';
  try {
    std::rethrow_if_nested(error);
  } catch (std::exception const &nested) {
    text += '\n' + full_text(nested);
  }
  return text;
}

}  // namespace pqlease::testing
