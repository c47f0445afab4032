// Replaces functions of the C library in a process that it is preloaded into, so that a chosen system call fails or takes
// long. harness/call_faults.py has the other half, and reads the names of the calls from this file.
//
// Each function below counts the call, and calls the original one unless this call is to fail. Arguments are passed on as
// registers, so one form serves all; variadic functions included (x86-64 and arm64). read and write count by the kind of
// their descriptor, since their errors depend on it.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault_page.hpp"

namespace {

using word = long;
using original = word (*)(word, word, word, word, word, word);

// clang-format off: one line for each call would say no more.
#define EACH_CALL(X) \
    X(accept) X(accept4) X(socket) X(bind) X(listen) X(connect) X(shutdown) X(send) X(sendto) X(sendmsg) \
    X(recv) X(recvfrom) X(recvmsg) X(splice) X(sendfile64) X(openat64) X(open64) X(fstat64) X(statx) \
    X(fstatfs64) X(getdents64) X(renameat2) X(linkat) X(unlinkat) X(mkdirat) X(fchmod) X(utimensat) X(fsync) \
    X(fdatasync) X(syncfs) X(ftruncate64) X(lseek64) X(pread64) X(pwrite64) X(preadv64v2) X(copy_file_range) \
    X(flock) X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(poll) X(eventfd) X(timerfd_create) \
    X(timerfd_settime) X(pipe2) X(getsockopt) X(setsockopt) X(getsockname) X(getpeername) X(fcntl64) X(ioctl) \
    X(getrandom) X(inotify_add_watch) X(socketpair) X(readlinkat)
// clang-format on

enum class call : std::uint32_t {
#define NAMED(name) name##_,
    EACH_CALL(NAMED)
#undef NAMED
        close_,
    openat2_,
    renameat2_syscall_,
    read_file_,
    read_pipe_,
    read_socket_,
    write_file_,
    write_pipe_,
    write_socket_,
    count
};
static_assert(sallyport::faults::first_call + static_cast<std::size_t>(call::count) <= sallyport::faults::channels);

word system_call(word number, word a, word b, word c, word d, word e, word f) {
    static const auto real =
        reinterpret_cast<word (*)(word, word, word, word, word, word, word)>(dlsym(RTLD_NEXT, "syscall"));
    return real(number, a, b, c, d, e, f);
}

/// True if this call is to fail; errno is set then.
bool fails(call which) {
    auto* const page = sallyport::faults::page();
    if (page == nullptr) return false;
    auto& chosen = page[sallyport::faults::first_call + static_cast<std::size_t>(which)];
    if (!chosen.fails()) return false;
    const auto delay = static_cast<long>(chosen.delay_ms.load());
    timespec rest{.tv_sec = delay / 1000, .tv_nsec = delay % 1000 * 1'000'000};
    while (rest.tv_sec + rest.tv_nsec > 0 && ::nanosleep(&rest, &rest) != 0) {
    }
    const auto error = static_cast<int>(chosen.error.load());
    if (error == 0) return false;
    errno = error;
    return true;
}

word run(call which, const char* name, std::atomic<original>& real, word a, word b, word c, word d, word e, word f) {
    auto function = real.load(std::memory_order_relaxed);
    if (function == nullptr) {
        function = reinterpret_cast<original>(dlsym(RTLD_NEXT, name));
        real.store(function, std::memory_order_relaxed);
    }
    return which != call::count && fails(which) ? -1 : function(a, b, c, d, e, f);
}

/// call::count for descriptors without a kind of their own: eventfd, timerfd, epoll.
call by_kind(word fd, call of_file) {
    struct stat found{};
    if (sallyport::faults::page() == nullptr) return call::count;
    if (system_call(SYS_fstat, fd, reinterpret_cast<word>(&found), 0, 0, 0, 0) != 0) return call::count;
    const auto base = static_cast<std::uint32_t>(of_file);
    if (S_ISREG(found.st_mode)) return of_file;
    if (S_ISFIFO(found.st_mode)) return static_cast<call>(base + 1);
    if (S_ISSOCK(found.st_mode)) return static_cast<call>(base + 2);
    return call::count;
}

}  // namespace

#define REPLACED(name, which)                                                                                         \
    extern "C" word replaced_##name(word, word, word, word, word, word) __asm__(#name);                               \
    extern "C"                                                                                                        \
        __attribute__((visibility("default"))) word replaced_##name(word a, word b, word c, word d, word e, word f) { \
        static std::atomic<original> real = nullptr;                                                                  \
        return run(which, #name, real, a, b, c, d, e, f);                                                             \
    }
#define SIMPLE(name) REPLACED(name, call::name##_)
EACH_CALL(SIMPLE)
REPLACED(read, by_kind(a, call::read_file_))
REPLACED(readv, by_kind(a, call::read_file_))
REPLACED(write, by_kind(a, call::write_file_))
REPLACED(writev, by_kind(a, call::write_file_))

// A descriptor is closed also if close reports an error.
extern "C" word replaced_close(word) __asm__("close");
extern "C" __attribute__((visibility("default"))) word replaced_close(word fd) {
    const auto result = system_call(SYS_close, fd, 0, 0, 0, 0, 0);
    return result == 0 && fails(call::close_) ? -1 : result;
}

extern "C" word replaced_syscall(word, word, word, word, word, word, word) __asm__("syscall");
extern "C" __attribute__((visibility("default"))) word replaced_syscall(word number, word a, word b, word c, word d, word e,
                                                                        word f) {
    if (number == SYS_openat2 && fails(call::openat2_)) return -1;
    if (number == SYS_renameat2 && fails(call::renameat2_syscall_)) return -1;
    return system_call(number, a, b, c, d, e, f);
}
