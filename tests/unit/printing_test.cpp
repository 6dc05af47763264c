#include <pqlease/pqlease.hpp>

#include <doctest/doctest.h>

#include <sstream>

using pqlease::ManagedConnection;
using pqlease::Status;

namespace {

template <class Value> std::string streamed(Value const &value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace

TEST_SUITE_BEGIN("printing");

TEST_CASE("a manager prints its connection string and its state") {
  ManagedConnection const manager{"postgres:///postgres"};
  CHECK(streamed(manager) == "<ManagedConnection: postgres:///postgres (closed)>");
  CHECK(fmt::format("{}", manager) == "<ManagedConnection: postgres:///postgres (closed)>");
}

TEST_CASE("a manager prints no secret") {
  ManagedConnection const manager{"postgres://me:Sup3r-S3cret-pqlease@localhost/db"};
  CHECK(manager.conninfo() == "postgres://me:***@localhost/db");
  CHECK(streamed(manager) == "<ManagedConnection: postgres://me:***@localhost/db (closed)>");
}

TEST_CASE("a manager with a provider prints what it knows") {
  ManagedConnection const manager{[] { return std::string{"dbname=x"}; }};
  CHECK(streamed(manager) == "<ManagedConnection: (provider not asked yet) (closed)>");
}

TEST_CASE("a status prints as its name") {
  CHECK(streamed(Status::closed) == "closed");
  CHECK(streamed(Status::idle) == "idle");
  CHECK(streamed(Status::active) == "active");
  CHECK(streamed(Status::in_transaction) == "in_transaction");
  CHECK(streamed(Status::in_error) == "in_error");
  CHECK(streamed(Status::unknown) == "unknown");
  CHECK(fmt::format("{:>8}", Status::leased) == "  leased");
}

TEST_SUITE_END();
