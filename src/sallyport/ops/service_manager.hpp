#pragma once
// Notifies a service manager (systemd, Type=notify) that this process is ready and is the main process, and that it still
// runs (WatchdogSec=). Any thread, as long as no other one changes the environment. It owns nothing.

#include <chrono>
#include <optional>

namespace sallyport::ops {

/// Called once the daemon listens. Does nothing if NOTIFY_SOCKET is not set; the same applies to the next function.
void notify_service_manager();
/// To be called more often than every service_manager_watchdog().
void notify_service_manager_alive();
/// The time after which the service manager ends a process that does not report (WATCHDOG_USEC); nothing if it does not.
/// WATCHDOG_PID is ignored: after a graceful restart, the new process reports, which the manager did not start itself.
[[nodiscard]] std::optional<std::chrono::milliseconds> service_manager_watchdog();

}  // namespace sallyport::ops
