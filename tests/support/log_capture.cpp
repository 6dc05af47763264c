#include "support/log_capture.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iostream>
#include <mutex>

namespace pqlease::testing {

class LogCapture::Sink : public spdlog::sinks::base_sink<std::mutex> {
public:
  [[nodiscard]] std::vector<std::string> lines() {
    std::scoped_lock const lock{mutex_};
    return lines_;
  }

private:
  void sink_it_(spdlog::details::log_msg const &message) override {
    auto const level = spdlog::level::to_string_view(message.level);
    std::string line{level.data(), level.size()};
    line.append(": ").append(message.payload.data(), message.payload.size());
    std::cout << "log> " << line << '\n';
    lines_.push_back(std::move(line));
  }
  void flush_() override {}

  std::vector<std::string> lines_;
};

LogCapture::LogCapture()
    : sink_{std::make_shared<Sink>()}, logger_{std::make_shared<spdlog::logger>("captured", sink_)} {}

std::vector<std::string> LogCapture::lines() const { return sink_->lines(); }

bool LogCapture::contains(std::string const &text) const {
  auto const all = lines();
  return std::any_of(all.begin(), all.end(),
                     [&](std::string const &line) { return line.find(text) != std::string::npos; });
}

}  // namespace pqlease::testing
