#pragma once
// Notifies a service manager (systemd, Type=notify) that this process is ready and is the main process. Called once the
// daemon listens; any thread. It owns nothing.

namespace sallyport::ops {

/// Does nothing if NOTIFY_SOCKET is not set.
void notify_service_manager();

}  // namespace sallyport::ops
