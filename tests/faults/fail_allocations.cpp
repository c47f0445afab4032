// Replaces the allocator's functions in a process that it is preloaded into, so that the n-th allocation fails: of the
// program and of its libraries. Anonymous mappings count as well, since libsodium allocates the memory of a hash with mmap.

// With it, mmap and mmap64 would be one name.
#undef _FILE_OFFSET_BITS

#include <cerrno>
#include <cstddef>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "fault_page.hpp"

// glibc's own names of the functions that are replaced here.
extern "C" {
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
void* __libc_realloc(void* block, std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;
}

namespace {

[[nodiscard]] bool fails() noexcept {
    auto* const page = sallyport::faults::page();
    if (page == nullptr || !page[sallyport::faults::allocations].fails()) return false;
    errno = ENOMEM;
    return true;
}

[[nodiscard]] void* map(void* at, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
    if ((flags & MAP_ANONYMOUS) != 0 && fails()) return MAP_FAILED;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): this is what mmap returns
    return reinterpret_cast<void*>(::syscall(SYS_mmap, at, size, protection, flags, fd, offset));
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept { return fails() ? nullptr : __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) noexcept { return fails() ? nullptr : __libc_calloc(count, size); }
void* realloc(void* block, std::size_t size) noexcept {
    // Size 0 releases the block.
    return size != 0 && fails() ? nullptr : __libc_realloc(block, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
    return fails() ? nullptr : __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept { return memalign(alignment, size); }
int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
    void* made = memalign(alignment, size);
    if (made == nullptr) return ENOMEM;
    *block = made;
    return 0;
}
void* mmap(void* at, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
    return map(at, size, protection, flags, fd, offset);
}
void* mmap64(void* at, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
    return map(at, size, protection, flags, fd, offset);
}
}
