#pragma once
// The helper's processes.
//
// A function of the daemon's start, before any thread is started; the processes own what they use.

#include <functional>
#include <vector>

#include <csignal>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::helper {

// The number of the first channel in such a process; those after it follow.
inline constexpr int first_channel = 3;

/// Forks a process that runs `body` and exits. The channels are its only descriptors besides the first three. It does not
/// end by a signal: a terminal and a service manager send signals to all processes of a daemon, which may still drain.
/// `body` is called with the signal mask of this process. Returns the process ID.
[[nodiscard]] result<int> start_process(const char* name, std::vector<unique_fd> channels,
                                        const std::function<void(const sigset_t&)>& body);

}  // namespace sallyport::helper
