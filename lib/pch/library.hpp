// Precompiled for the library's sources (Meson, cpp_pch): only what changes with the system. No source relies on it:
// the lint build goes without.
#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/nontransaction>
#include <spdlog/fmt/fmt.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
