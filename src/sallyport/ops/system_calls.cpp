#include <sallyport/ops/system_calls.hpp>

#include <array>
#include <cerrno>
#include <memory>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sallyport::ops {
namespace {

// By name, since numbers differ between architectures; names that one of them lacks are skipped.
constexpr auto permitted =
    // Memory and threads
    "brk mmap mmap2 munmap mremap mprotect madvise membarrier futex exit exit_group set_robust_list rseq set_tid_address "
    "arch_prctl map_shadow_stack gettid getpid getcpu sched_yield sched_getaffinity sched_setscheduler "
    "sched_getscheduler sched_getparam sched_get_priority_max sched_get_priority_min setpriority getpriority rt_sigaction "
    "rt_sigprocmask rt_sigreturn sigreturn rt_sigtimedwait sigaltstack restart_syscall clone3 "
    // Time
    "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time timerfd_create timerfd_settime timerfd_gettime "
    // Descriptors
    "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek close close_range dup dup2 dup3 "
    "fcntl fcntl64 ioctl poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 "
    "pipe2 splice tee sendfile sendfile64 copy_file_range "
    // Files
    "open openat openat2 fstat fstat64 newfstatat fstatat64 stat lstat statx statfs statfs64 fstatfs fstatfs64 access "
    "faccessat faccessat2 readlink readlinkat getcwd getdents64 mkdir mkdirat rmdir unlink unlinkat rename renameat "
    "renameat2 link linkat chmod fchmod fchmodat fchmodat2 fchown fchown32 fchownat utimensat ftruncate ftruncate64 "
    "fallocate "
    "fadvise64 readahead sync_file_range fsync fdatasync syncfs flock umask inotify_init1 inotify_add_watch "
    "inotify_rm_watch "
    // Network
    "socketpair bind listen accept accept4 connect shutdown getsockopt setsockopt getsockname getpeername sendto recvfrom "
    "sendmsg recvmsg sendmmsg recvmmsg "
    // Facts
    "getuid geteuid getgid getegid getppid uname sysinfo getrlimit prlimit64 getrusage getrandom capget wait4";

constexpr auto permitted_to_helper =
    // Memory and threads
    "brk mmap mmap2 munmap mremap mprotect madvise futex exit exit_group set_robust_list rseq set_tid_address gettid getpid "
    "sched_yield rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack restart_syscall clone3 clock_gettime "
    "gettimeofday time getrandom "
    // Descriptors and files
    "read write close fcntl fcntl64 open openat fstat fstat64 newfstatat fstatat64 statx "
    // Network
    "bind listen connect getsockopt setsockopt getsockname getpeername sendto recvfrom sendmsg recvmsg";

struct release_filter {
    void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};

/// A filter to which rules are added; the first failure is kept.
class filter_builder {
public:
    /// `others`: the action for calls without a rule.
    explicit filter_builder(std::uint32_t others) : filter_(::seccomp_init(others)) {
        if (!filter_) failed_ = ENOMEM;
    }

    template <class... Conditions>
    void add(std::uint32_t action, const char* name, Conditions... conditions) {
        const int call = ::seccomp_syscall_resolve_name(name);
        // This architecture has no such call, or libseccomp is older than the call.
        if (call == __NR_SCMP_ERROR || failed_ != 0) return;
        const std::array<scmp_arg_cmp, sizeof...(conditions)> all{conditions...};
        note(::seccomp_rule_add_array(filter_.get(), action, call, static_cast<unsigned>(all.size()), all.data()));
    }
    /// Applies the filter to all threads. `log`: the kernel's log has a line for each call that is refused.
    [[nodiscard]] result<void> load(bool log) {
        set(SCMP_FLTATR_CTL_TSYNC, 1);
        set(SCMP_FLTATR_CTL_LOG, log ? 1 : 0);
        // A tree, so that the number of calls does not slow each of them.
        set(SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (failed_ == 0) note(::seccomp_load(filter_.get()));
        if (failed_ != 0) return fail_os(failed_, "the kernel refused the filter of system calls");
        return {};
    }

private:
    void set(scmp_filter_attr attribute, std::uint32_t value) {
        if (failed_ == 0) note(::seccomp_attr_set(filter_.get(), attribute, value));
    }
    void note(int outcome) {
        if (outcome < 0 && failed_ == 0) failed_ = -outcome;
    }

    std::unique_ptr<void, release_filter> filter_;
    int failed_ = 0;
};

constexpr scmp_arg_cmp is(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
constexpr scmp_arg_cmp has_bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// The rest of a socket's type are flags.
constexpr std::uint64_t type_mask = 0xf;

void permit_sockets(filter_builder& filter) {
    filter.add(SCMP_ACT_ALLOW, "socket", is(0, AF_UNIX));
    for (const int family : {AF_INET, AF_INET6})
        for (const int type : {SOCK_STREAM, SOCK_DGRAM})
            filter.add(SCMP_ACT_ALLOW, "socket", is(0, static_cast<std::uint64_t>(family)),
                       has_bits(1, type_mask, static_cast<std::uint64_t>(type)));
    // The addresses of the interfaces (getifaddrs(3)).
    filter.add(SCMP_ACT_ALLOW, "socket", is(0, AF_NETLINK), is(2, NETLINK_ROUTE));
}

/// Threads, but no processes. A filter cannot read the arguments of clone3(), and the C library uses clone() if clone3()
/// does not exist. It tries at each start of a thread, so these refusals are not logged.
result<void> hide_clone3() {
    filter_builder filter(SCMP_ACT_ALLOW);
    filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
    return filter.load(false);
}

/// These calls, and with some of their arguments only those that every process makes.
void permit_calls(filter_builder& filter, const char* list) {
    std::istringstream names(list);
    for (std::string name; names >> name;) filter.add(SCMP_ACT_ALLOW, name.c_str());
    filter.add(SCMP_ACT_ALLOW, "clone", has_bits(0, CLONE_THREAD, CLONE_THREAD));
    // Names of threads and of memory.
    filter.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_SET_NAME));
    filter.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_GET_NAME));
    filter.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_SET_VMA));
    // abort()
    filter.add(SCMP_ACT_ALLOW, "tgkill", is(0, static_cast<std::uint64_t>(::getpid())));
}

/// The filter permits neither seccomp() nor prctl(PR_SET_SECCOMP), so it is the last one.
[[nodiscard]] result<void> apply(filter_builder& filter) {
    if (auto hidden = hide_clone3(); !hidden) return hidden;
    return filter.load(true);
}

}  // namespace

result<void> filter_system_calls() {
    filter_builder filter(SCMP_ACT_ERRNO(EPERM));
    permit_calls(filter, permitted);
    // The core file of the watchdog.
    filter.add(SCMP_ACT_ALLOW, "prctl", is(0, PR_SET_DUMPABLE));
    permit_sockets(filter);
    return apply(filter);
}

result<void> filter_helper_calls(helper_calls permitted_calls) {
    filter_builder filter(SCMP_ACT_ERRNO(EPERM));
    permit_calls(filter, permitted_to_helper);
    if (permitted_calls.netlink_filter || permitted_calls.router)
        filter.add(SCMP_ACT_ALLOW, "socket", is(0, AF_NETLINK), is(2, NETLINK_NETFILTER));
    if (permitted_calls.router) {
        filter.add(SCMP_ACT_ALLOW, "socket", is(0, AF_NETLINK), is(2, NETLINK_ROUTE));
        for (const int family : {AF_INET, AF_INET6})
            filter.add(SCMP_ACT_ALLOW, "socket", is(0, static_cast<std::uint64_t>(family)),
                       has_bits(1, type_mask, SOCK_STREAM));
    }
    return apply(filter);
}

}  // namespace sallyport::ops
