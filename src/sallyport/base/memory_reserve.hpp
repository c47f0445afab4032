#pragma once
// A reserve of memory for the few allocations that must not fail: those by which an event loop waits, resumes and reports.
//
// Any other allocation may fail with std::bad_alloc, and then ends the session that needed the memory. But Asio destroys a
// coroutine whose wait cannot be started, without an exception that the coroutine could handle, and ends the process if the
// memory for that is missing too. So code that starts a wait holds a use_memory_reserve: while it exists, allocations of
// this thread with operator new that fail get a block of the reserve. As long as memory is available, the reserve costs
// nothing. The blocks are small and few; sessions must not live on them.
//
// This file replaces the global operators new and delete. The reserve exists for the whole process, without an owner; any
// thread. (docs/decisions/45-memory.md)

#include <cerrno>
#include <cstddef>
#include <expected>

#include <sallyport/base/error.hpp>

namespace sallyport {

/// Lets the allocations of this thread use the reserve. Must not exist while a coroutine waits: other coroutines of the
/// thread would use the reserve as well.
class use_memory_reserve {
public:
    use_memory_reserve() noexcept;
    ~use_memory_reserve();
    use_memory_reserve(const use_memory_reserve&) = delete;
    use_memory_reserve& operator=(const use_memory_reserve&) = delete;
};

/// Calls `make`, for example for the frame of a coroutine that must start, and returns its result.
template <class Make>
[[nodiscard]] auto with_memory_reserve(Make make) {
    const use_memory_reserve reserve;
    return make();
}

/// The error of an operation for which there was no memory. It allocates none.
[[nodiscard]] inline std::unexpected<error> fail_without_memory() noexcept {
    return std::unexpected<error>(error{errc::io, ENOMEM, {}});
}

/// The number of blocks of the reserve that are in use, for tests.
[[nodiscard]] std::size_t reserved_blocks_in_use() noexcept;

}  // namespace sallyport
