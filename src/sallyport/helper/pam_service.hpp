#pragma once
// The PAM process of a daemon: it keeps root, which PAM needs to read /etc/shadow, and takes requests to check the password
// of one user. Each check has a process of its own, which is ended after a time limit, or once the daemon does not wait for
// it any more. So a module of PAM that hangs or crashes affects one login.
//
// A function that such a process runs, with one thread.

#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>

#include <sallyport/helper/pam_request.hpp>

namespace sallyport::helper {

/// Called in a process of its own. It overwrites the password.
using pam_check = std::function<pam_reply(pam_request& request)>;

struct pam_limits {
    // Checks at a time, with those that have been ended and that the kernel has not removed yet.
    std::size_t running = 32;
    // Directory services in the network commonly have timeouts of ten seconds and more.
    std::chrono::milliseconds time = std::chrono::seconds(20);
};

/// Performs the requests that arrive on `channel` until its other end is closed. Each has a descriptor for its reply.
/// `signals`: the signal mask of the checks. REQUIRES: all signals are blocked.
void serve_pam(int channel, const pam_check& check, const pam_limits& limits, const sigset_t& signals);

}  // namespace sallyport::helper
