// Precompiled for the tests that use libpqxx (Meson, cpp_pch). No source relies on it: the lint build goes without.
#include <doctest/doctest.h>
#include <pqxx/pqxx>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <source_location>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>
