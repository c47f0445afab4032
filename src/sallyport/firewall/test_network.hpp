#pragma once
// For unit tests: a network namespace of the test process, with a loopback device only. The kernel removes it with the
// process.

#include <cstdlib>

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::firewall {

/// Moves this thread into a new network namespace; the first call in a process does it, and all tests of the process share
/// that namespace. Skips the test if the system does not permit it; with CI set, the test fails then.
inline void enter_test_network() {
    static const bool isolated = [] {
        if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
        const unique_fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ifreq lo{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
        lo.ifr_flags = IFF_UP | IFF_RUNNING;
        return ::ioctl(any.get(), SIOCSIFFLAGS, &lo) == 0;
    }();
    if (!isolated && std::getenv("CI") != nullptr) FAIL() << "no permission to create a network namespace";
    if (!isolated) GTEST_SKIP() << "requires root, or a system that allows user namespaces";
}

}  // namespace sallyport::firewall
