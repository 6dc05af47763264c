#include "detail/log.hpp"
#include "support/log_capture.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

using pqlease::detail::Log;
using pqlease::detail::Severity;
using pqlease::testing::LogCapture;

namespace {

class FailingSink : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(spdlog::details::log_msg const &) override { throw std::runtime_error{"disk full"}; }
  void flush_() override {}
};

}  // namespace

TEST_SUITE_BEGIN("log");

TEST_CASE("lines go to the manager's own logger, with their severity") {
  LogCapture capture;
  Log const log{capture.logger()};
  log.write(Severity::info, "one");
  log.write(Severity::warning, "two {}");
  log.write(Severity::error, "three");
  CHECK(capture.lines() == std::vector<std::string>{"info: one", "warning: two {}", "error: three"});
}

TEST_CASE("without a logger, lines go to the registered logger pqlease, even one registered later") {
  Log const log{nullptr};
  LogCapture capture;
  auto const registered = std::make_shared<spdlog::logger>("pqlease", capture.logger()->sinks().front());
  spdlog::register_logger(registered);
  log.write(Severity::info, "found");
  spdlog::drop("pqlease");
  CHECK(capture.lines() == std::vector<std::string>{"info: found"});
}

TEST_CASE("without any of these, lines go to spdlog's default logger") {
  LogCapture capture;
  auto const before = spdlog::default_logger();
  spdlog::set_default_logger(capture.logger());
  Log{nullptr}.write(Severity::warning, "by default");
  spdlog::set_default_logger(before);
  CHECK(capture.lines() == std::vector<std::string>{"warning: by default"});
}

TEST_CASE("a sink that throws does not disturb its caller") {
  auto const logger = std::make_shared<spdlog::logger>("failing", std::make_shared<FailingSink>());
  logger->set_error_handler([](std::string const &) { throw std::runtime_error{"and again"}; });
  CHECK_NOTHROW(Log{logger}.write(Severity::error, "lost"));
}

TEST_SUITE_END();
