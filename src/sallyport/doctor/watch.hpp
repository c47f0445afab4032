#pragma once
// Watches the TCP connections of this host, for 'doctor join': which SYNs of a client arrive. Needs no right.
//
// A function on values, which the caller owns; any thread.

#include <chrono>

#include <sallyport/diagnosis/server_watch.hpp>

namespace sallyport::doctor {

/// Adds what the system's tables have now; `at`: time since the start of the watch. An error names the file that cannot be
/// read.
[[nodiscard]] result<void> add_connections(diagnosis::server_watch& to, std::chrono::milliseconds at);

}  // namespace sallyport::doctor
