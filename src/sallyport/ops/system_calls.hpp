#pragma once
// The filter of system calls (seccomp(2)): calls that the daemon does not need fail with EPERM in every thread, and the
// kernel's log has a line with the number of the call ("type=1326 ... syscall=59"). No program can be started, no process
// be traced, and no raw or packet socket be opened.
//
// The list has what the integration tests use, and what the C library of Debian 12 and 13 calls in their place. A call
// that is missing there fails with an error of the operation that needs it; it does not end the process.
//
// A function for any thread; it owns nothing.

#include <sallyport/base/error.hpp>

namespace sallyport::ops {

/// Applies the filter to all threads for good.
[[nodiscard]] result<void> filter_system_calls();

struct helper_calls {
    // The sockets of nf_tables.
    bool netlink_filter = false;
    // Those, and those of routing rules, and TCP sockets.
    bool router = false;
};
/// The same with a shorter list, for the helper process.
[[nodiscard]] result<void> filter_helper_calls(helper_calls permitted_calls);

}  // namespace sallyport::ops
