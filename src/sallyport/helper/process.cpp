#include <sallyport/helper/process.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace sallyport::helper {
namespace {

/// Closes all other descriptors, since the process outlives what the daemon closes.
void keep_only(std::vector<unique_fd>& channels) noexcept {
    const int end = first_channel + static_cast<int>(channels.size());
    // First to numbers that are not used again, so that no channel overwrites another one.
    for (auto& channel : channels) channel.reset(::fcntl(channel.get(), F_DUPFD_CLOEXEC, end));
    int number = first_channel;
    for (const auto& channel : channels) {
        if (::dup2(channel.get(), number) < 0) ::_exit(1);
        ::fcntl(number++, F_SETFD, FD_CLOEXEC);
    }
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    // Linux before 5.9, or a filter of a container.
    if (::close_range(static_cast<unsigned>(end), ~0U, 0) != 0)
        for (int fd = end; fd < static_cast<int>(std::min<rlim_t>(descriptors.rlim_cur, INT_MAX)); ++fd) ::close(fd);
    // A new process gets all listening sockets of the daemon, which raises its own limit as well.
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
}

[[noreturn]] void run(const char* name, std::vector<unique_fd> channels, const std::function<void(const sigset_t&)>& body,
                      const sigset_t& signals) noexcept {
    keep_only(channels);
    ::prctl(PR_SET_NAME, name);
    // No other process of the same user reads its memory or directs it.
    ::prctl(PR_SET_DUMPABLE, 0);
    body(signals);
    ::_exit(0);
}

}  // namespace

result<int> start_process(const char* name, std::vector<unique_fd> channels,
                          const std::function<void(const sigset_t&)>& body) {
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    const int pid = ::fork();
    if (pid == 0) run(name, std::move(channels), body, before);
    const int os = errno;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return fail_os(os, fmt::format("the process '{}' cannot be started", name));
    return pid;
}

}  // namespace sallyport::helper
