#pragma once
// The word to a service manager that waits for it (systemd, Type=notify): this process serves now, and it is the main one.

namespace sallyport::cli {

/// Nothing happens where no manager asks for it.
void tell_service_manager();

}  // namespace sallyport::cli
