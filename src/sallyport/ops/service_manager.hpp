#pragma once
// Tells a service manager that waits for it (systemd, Type=notify) that this process is ready, and that it is the main one.
// Once the daemon listens; any thread.

namespace sallyport::ops {

/// Does nothing if no manager asks for it.
void notify_service_manager();

}  // namespace sallyport::ops
