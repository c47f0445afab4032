#pragma once
// The confinement of a daemon's helper process (helper/client.hpp): it keeps the rights that its permissions need, and no
// others.
//
// A function for the helper, before it receives requests and starts a thread. It owns nothing.

#include <sallyport/helper/permissions.hpp>

namespace sallyport::ops {

/// Drops capabilities, and restricts files, ports and system calls as far as the kernel can; the daemon reports what the
/// kernel lacks (confinement.hpp), and refuses to start without it if it has to. Ends the process if capabilities cannot be
/// dropped.
void confine_helper(const helper::permissions& allowed);

}  // namespace sallyport::ops
