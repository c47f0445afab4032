#pragma once
// Keeps a coroutine running that serves all sessions, such as one that accepts connections, if an exception ends it.
//
// Owns nothing. Loop thread, or before the loop runs; log_exception() on any thread.

#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include <sallyport/net/loop.hpp>

namespace sallyport::net {

/// Spawns the coroutine that `start` makes. If an exception escapes from it, logs that, at most once per second with the
/// number of times, and after a pause spawns it again. So its state must be in objects that outlive it.
void keep_running(loop& l, std::string name, std::move_only_function<task<>()> start);

/// Logs an exception that escaped from `name`, and how often it did: as a lack of memory, or otherwise as a bug.
void log_exception(std::string_view name, const std::exception_ptr& exception, std::uint64_t times = 1) noexcept;

}  // namespace sallyport::net
