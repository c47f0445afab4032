#pragma once
// Detects event loops that do not run: a thread asks each loop for an answer every second. If one does not answer for 5 s,
// it logs the loop, the session and its command, and counts the stall; optionally it ends the process with a core file, so
// that the service manager starts the program again (OP-08). It also reports to the service manager's own watchdog
// (WATCHDOG_USEC, sd_watchdog_enabled(3)), but only while every loop answers.
//
// Time is counted in the questions of this thread, so a stopped or suspended process is no stall. Created before the loops
// run, by the daemon, and destroyed after they have ended. The functions may be called from any thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::ops {

enum class watchdog_mode : std::uint8_t {
    log,
    // After the log line, SIGABRT for the thread of the loop.
    abort,
    off,
};

struct watchdog_settings {
    watchdog_mode mode = watchdog_mode::log;
    // The time without an answer that is a stall, in full intervals.
    std::chrono::milliseconds limit = limits::watchdog_limit;
    std::chrono::milliseconds interval = limits::watchdog_interval;
};

class watchdog {
public:
    /// `id_of` returns the ID of a session from its number; called on the thread of the watchdog. If the thread cannot be
    /// started, a warning is logged, and nothing is watched.
    watchdog(net::loop_group& loops, watchdog_settings settings, status::counters& counters,
             std::function<std::string(std::uint64_t number)> id_of);
    ~watchdog();

    /// Another process is the main process of the service from now on, and reports to the service manager.
    void stop_reporting() noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::ops
