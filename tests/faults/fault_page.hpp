#pragma once
// The shared memory by which a test tells the preloaded libraries of a running process which calls fail, and learns how many
// calls there were. tests/integration/harness/faults.py has the other half.
//
// The path of the file is in the environment variable SALLYPORT_FAULT_PAGE. The file has one channel for each kind of call.
// Any thread, and any time: before main(), and in signal handlers.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sallyport::faults {

/// The counters of one kind of call. All calls are counted while `armed`; those from number `first` to `last` fail, and the
/// first call has number 1.
struct channel {
    std::atomic<std::uint64_t> armed;
    std::atomic<std::uint64_t> calls;
    std::atomic<std::uint64_t> first;
    std::atomic<std::uint64_t> last;
    // The errno of the calls that fail.
    std::atomic<std::uint64_t> error;
    std::atomic<std::uint64_t> failed;
    // How long the calls that are chosen take in addition; only fail_calls.cpp uses it.
    std::atomic<std::uint64_t> delay_ms;
    std::uint64_t unused;

    /// Counts a call; true if it fails.
    [[nodiscard]] bool fails() noexcept {
        if (armed.load(std::memory_order_relaxed) == 0) return false;
        const auto number = calls.fetch_add(1, std::memory_order_relaxed) + 1;
        if (number < first.load(std::memory_order_relaxed) || number > last.load(std::memory_order_relaxed)) return false;
        failed.fetch_add(1, std::memory_order_relaxed);
        return true;
    }
};

/// Channel 0 is for allocations; those after it are for the calls of fail_calls.cpp, in the order of its table.
inline constexpr std::size_t channels = 128;
inline constexpr std::size_t allocations = 0;
inline constexpr std::size_t first_call = 1;

/// Null in a process without the variable. Uses no library function that allocates or that a preloaded library replaces.
[[nodiscard]] inline channel* open_page() noexcept {
    const char* path = ::secure_getenv("SALLYPORT_FAULT_PAGE");
    if (path == nullptr) return nullptr;
    const auto fd = ::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return nullptr;
    const auto at = ::syscall(SYS_mmap, nullptr, channels * sizeof(channel), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    ::syscall(SYS_close, fd);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): this is what mmap returns
    return at < 0 && at > -4096 ? nullptr : reinterpret_cast<channel*>(at);
}

/// The page of this process. The first call is made before any other thread exists.
[[nodiscard]] inline channel* page() noexcept {
    static std::atomic<bool> opened{false};
    static std::atomic<channel*> it{nullptr};
    if (!opened.load(std::memory_order_acquire)) {
        opened.store(true, std::memory_order_release);
        it.store(open_page(), std::memory_order_release);
    }
    return it.load(std::memory_order_acquire);
}

}  // namespace sallyport::faults
