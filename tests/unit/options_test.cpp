#include <pqlease/errors.hpp>
#include <pqlease/managed_connection.hpp>
#include <pqlease/options.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace std::chrono_literals;
using pqlease::InvalidOption;
using pqlease::Options;

namespace {

std::string refused_field(Options const &options) {
  try {
    pqlease::validate(options);
  } catch (InvalidOption const &error) {
    CHECK(std::string{error.what()}.starts_with("Options::" + error.option() + " is "));
    return error.option();
  }
  return {};
}

}  // namespace

TEST_SUITE_BEGIN("options");

TEST_CASE("the defaults are valid") { CHECK(refused_field({}).empty()); }

TEST_CASE("a value out of range is refused by the name of its field") {
  CHECK(refused_field({.connect_timeout = 0ms}) == "connect_timeout");
  CHECK(refused_field({.lease_timeout = -1ms}) == "lease_timeout");
  CHECK(refused_field({.idle_probe_after = -1ms}) == "idle_probe_after");
  CHECK(refused_field({.probe_timeout = 0ms}) == "probe_timeout");
  CHECK(refused_field({.release_timeout = -1ms}) == "release_timeout");
  CHECK(refused_field({.connect_timeout = 25h}) == "connect_timeout");
  CHECK(refused_field({.reconnect = {.initial_delay = -1ms}}) == "reconnect.initial_delay");
  CHECK(refused_field({.reconnect = {.initial_delay = 2ms, .max_delay = 1ms}}) == "reconnect.max_delay");
  CHECK(refused_field({.reconnect = {.factor = 0.9}}) == "reconnect.factor");
  CHECK(refused_field({.reconnect = {.factor = std::numeric_limits<double>::quiet_NaN()}}) == "reconnect.factor");
}

TEST_CASE("a session parameter needs a name, and text that the server gets in full") {
  Options options;
  options.session_parameters = {{"search_path", "app, public"}, {"application_name", ""}};
  CHECK_NOTHROW(pqlease::validate(options));
  options.session_parameters = {{"", "on"}};
  CHECK_THROWS_WITH_AS(pqlease::validate(options), "Options::session_parameters has a parameter without a name",
                       InvalidOption);
  options.session_parameters = {{"application_name", std::string{"a\0b", 3}}};
  CHECK_THROWS_WITH_AS(pqlease::validate(options), "Options::session_parameters has a NUL character in it",
                       InvalidOption);
}

TEST_CASE("what a pooler in transaction mode would lose is refused by the name of its field") {
  Options options{.session_parameters = {{"search_path", "app"}}, .pooling = pqlease::Pooling::transaction};
  CHECK(refused_field(options) == "session_parameters");
  options.pooling = pqlease::Pooling::none;
  CHECK(refused_field(options).empty());
}

TEST_CASE("zero is in range where it has a meaning") {
  CHECK(refused_field({.lease_timeout = 0ms, .idle_probe_after = 0ms, .release_timeout = 0ms}).empty());
}

TEST_CASE("a manager refuses bad options when it is made") {
  CHECK_THROWS_WITH_AS((pqlease::ManagedConnection{"postgres:///postgres", {.probe_timeout = -5ms}}),
                       "Options::probe_timeout is -5 ms; it must lie between 1 ms and 86400000 ms", InvalidOption);
}

TEST_SUITE_END();
