// Lets one system call of a program fail, or take long: a library for LD_PRELOAD. harness/call_faults.py compiles it and is
// its other half; the file named by CALL_FAULTS is memory that both share.
//
// Each function below replaces the one of the C library with the same name: it counts the call, and calls the original one
// unless this call is to fail. Arguments are passed on as registers, so one form serves all; variadic functions included
// (x86-64 and arm64). read and write count by the kind of their descriptor, since their errors depend on it.

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using word = long;
using original = word (*)(word, word, word, word, word, word);

// The names in the table. Those after `last_function` have no function of their own.
#define EACH_CALL(X)                                                                                                        \
    X(accept)                                                                                                               \
    X(accept4)                                                                                                              \
    X(socket)                                                                                                               \
    X(bind)                                                                                                                 \
    X(listen)                                                                                                               \
    X(connect) X(shutdown) X(send) X(sendto) X(sendmsg) X(recv) X(recvfrom) X(recvmsg) X(splice) X(sendfile64) X(openat64)  \
        X(open64) X(fstat64) X(statx) X(fstatfs64) X(getdents64) X(renameat2) X(linkat) X(unlinkat) X(mkdirat) X(fchmod)    \
            X(utimensat) X(fsync) X(fdatasync) X(syncfs) X(ftruncate64) X(lseek64) X(pread64) X(pwrite64) X(preadv64v2)     \
                X(copy_file_range) X(flock) X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(poll) X(eventfd)                  \
                    X(timerfd_create) X(timerfd_settime) X(pipe2) X(getsockopt) X(setsockopt) X(getsockname) X(getpeername) \
                        X(fcntl64) X(ioctl) X(getrandom) X(inotify_add_watch) X(socketpair) X(readlinkat)

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
constexpr auto calls = static_cast<std::size_t>(call::count);

constexpr std::array<const char*, calls> names{
#define NAMED(name) #name,
    EACH_CALL(NAMED)
#undef NAMED
        "close",
    "openat2",
    "renameat2 (syscall)",
    "read file",
    "read pipe",
    "read socket",
    "write file",
    "write pipe",
    "write socket"};

constexpr std::size_t name_size = 24;

/// The shared memory. The test writes the first part while `armed` is 0.
struct control {
    std::atomic<std::uint32_t> armed;
    // Index into the table.
    std::uint32_t chosen;
    // Which call, from 1 on; 0: none.
    std::uint64_t nth;
    // 0: the call succeeds.
    std::int32_t error;
    std::uint32_t delay_ms;
    std::atomic<std::uint64_t> faults;
    std::uint64_t table_size;
    struct entry {
        std::array<char, name_size> name;
        std::atomic<std::uint64_t> count;
    };
    std::array<entry, calls> table;
};

control* shared = nullptr;

word system_call(word number, word a, word b, word c, word d, word e, word f) {
    static const auto real =
        reinterpret_cast<word (*)(word, word, word, word, word, word, word)>(dlsym(RTLD_NEXT, "syscall"));
    return real(number, a, b, c, d, e, f);
}

__attribute__((constructor)) void begin() {
    const char* const file = std::getenv("CALL_FAULTS");
    if (file == nullptr) return;
    const auto fd = system_call(SYS_openat, AT_FDCWD, reinterpret_cast<word>(file), O_RDWR | O_CLOEXEC, 0, 0, 0);
    if (fd < 0) std::abort();
    void* const memory = ::mmap(nullptr, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(fd), 0);
    if (memory == MAP_FAILED) std::abort();
    system_call(SYS_close, fd, 0, 0, 0, 0, 0);
    shared = static_cast<control*>(memory);
    for (std::size_t i = 0; i < calls; ++i) {
        for (std::size_t k = 0; k + 1 < name_size && names[i][k] != '\0'; ++k) shared->table[i].name[k] = names[i][k];
    }
    shared->table_size = calls;
}

/// True if this call is to fail; errno is set then.
bool fails(call which) {
    const auto index = static_cast<std::uint32_t>(which);
    if (shared == nullptr || shared->armed.load() == 0) return false;
    const auto count = shared->table[index].count.fetch_add(1) + 1;
    if (index != shared->chosen || count != shared->nth) return false;
    shared->faults.fetch_add(1);
    timespec rest{.tv_sec = shared->delay_ms / 1000, .tv_nsec = static_cast<long>(shared->delay_ms % 1000) * 1'000'000};
    while (rest.tv_sec + rest.tv_nsec > 0 && ::nanosleep(&rest, &rest) != 0) {
    }
    if (shared->error == 0) return false;
    errno = shared->error;
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
    if (shared == nullptr || shared->armed.load() == 0) return call::count;
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
