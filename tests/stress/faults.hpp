#pragma once

#include "activity.hpp"
#include "support/fault_proxy.hpp"
#include "support/test_server.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace pqlease::stress {

enum class Fault : std::uint8_t {
  delay,
  swallow,
  stall,
  refuse,
  fin,
  rst,
  cut_question,  ///< in the middle of what the client says
  cut_answer,    ///< in the middle of what the server says
  terminate,     ///< pg_terminate_backend
  crash,         ///< the server is stopped in immediate mode, and started again
  idle_cut,      ///< FIN or RST while nobody uses the session
  idle_vanish,   ///< the peer vanishes without a word while nobody uses the session
};
inline constexpr std::size_t fault_kinds = 12;

/// A thread that makes one fault after the other, in random order, all of them equally often.
class Faults {
public:
  /// `lull` is set while the workers are to leave the session alone.
  Faults(testing::TestServer &server, testing::FaultProxy &proxy, std::string application, std::atomic<bool> &lull,
         std::uint64_t seed, Activity &activity);

  /// Ends after the fault under way; network and server are well then.
  void stop();

  [[nodiscard]] std::size_t count() const noexcept;

  /// One line for each kind.
  [[nodiscard]] std::string describe() const;

private:
  void run(std::stop_token const &stop);
  [[nodiscard]] Fault next();
  void make(Fault fault);
  void cut_after(testing::Direction direction);
  void terminate_backends();
  void cut_while_idle();
  void vanish_while_idle();
  void sleep(int shortest_ms, int longest_ms);
  [[nodiscard]] testing::Ending any_ending();
  [[nodiscard]] int pick(int lowest, int highest) { return std::uniform_int_distribution{lowest, highest}(random_); }

  testing::TestServer &server_;
  testing::FaultProxy &proxy_;
  std::string application_;
  std::atomic<bool> &lull_;
  Activity &activity_;
  std::mt19937_64 random_;
  std::vector<Fault> deck_{};
  std::array<std::atomic<std::size_t>, fault_kinds> made_{};
  std::jthread thread_{};  ///< last: it uses all of the above
};

}  // namespace pqlease::stress
