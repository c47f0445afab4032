#include <sallyport/base/memory_reserve.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

namespace sallyport {
namespace {

// Not an object with a constructor, as operator new is called before and after all of them.
thread_local unsigned users_of_this_thread = 0;

/// Blocks of one size. Pages that were never used are not in memory.
template <std::size_t block_size, std::size_t count>
class block_store {
public:
    [[nodiscard]] void* take(std::size_t size) noexcept {
        if (size > block_size) return nullptr;
        const std::lock_guard lock(mutex_);
        if (free_ == nullptr && never_used_ == count) return nullptr;
        ++in_use_;
        if (free_ == nullptr) return &memory_[block_size * never_used_++];
        return std::exchange(free_, free_->next);
    }

    [[nodiscard]] bool owns(const void* block) const noexcept {
        const auto at = reinterpret_cast<std::uintptr_t>(block);
        const auto first = reinterpret_cast<std::uintptr_t>(memory_.data());
        return at >= first && at < first + memory_.size();
    }

    void give_back(void* block) noexcept {
        const std::lock_guard lock(mutex_);
        free_ = ::new (block) free_block{free_};
        --in_use_;
    }

    [[nodiscard]] std::size_t in_use() noexcept {
        const std::lock_guard lock(mutex_);
        return in_use_;
    }

private:
    struct free_block {
        free_block* next;
    };

    std::mutex mutex_;
    free_block* free_ = nullptr;
    std::size_t never_used_ = 0;
    std::size_t in_use_ = 0;
    alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) std::array<std::byte, block_size * count> memory_{};
};

// Operations of Asio and frames of coroutines that only wait; blocks of queues; the table of all timers of a loop, which
// doubles when it is full.
constinit block_store<256, 4096> operations;
constinit block_store<4096, 128> queue_blocks;
constinit block_store<std::size_t{256} * 1024, 8> tables;

[[nodiscard]] void* take(std::size_t size) noexcept {
    if (users_of_this_thread == 0) return nullptr;
    void* block = operations.take(size);
    if (block == nullptr) block = queue_blocks.take(size);
    if (block == nullptr) block = tables.take(size);
    return block;
}

[[nodiscard]] void* allocate(std::size_t size) noexcept {
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,hicpp-no-malloc): this is operator new
    void* block = std::malloc(size == 0 ? 1 : size);
    return block != nullptr ? block : take(size);
}

[[nodiscard]] void* allocate_or_throw(std::size_t size) {
    void* block = allocate(size);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void release(void* block) noexcept {
    if (operations.owns(block)) return operations.give_back(block);
    if (queue_blocks.owns(block)) return queue_blocks.give_back(block);
    if (tables.owns(block)) return tables.give_back(block);
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,hicpp-no-malloc): this is operator delete
    std::free(block);
}

}  // namespace

use_memory_reserve::use_memory_reserve() noexcept { ++users_of_this_thread; }
use_memory_reserve::~use_memory_reserve() { --users_of_this_thread; }

std::size_t reserved_blocks_in_use() noexcept { return operations.in_use() + queue_blocks.in_use() + tables.in_use(); }

}  // namespace sallyport

// All forms but those with an alignment, which this program does not use: a sanitizer has its own of those that are missing.
void* operator new(std::size_t size) { return sallyport::allocate_or_throw(size); }
void* operator new[](std::size_t size) { return sallyport::allocate_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return sallyport::allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return sallyport::allocate(size); }
void operator delete(void* block) noexcept { sallyport::release(block); }
void operator delete[](void* block) noexcept { sallyport::release(block); }
void operator delete(void* block, std::size_t) noexcept { sallyport::release(block); }
void operator delete[](void* block, std::size_t) noexcept { sallyport::release(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { sallyport::release(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { sallyport::release(block); }
