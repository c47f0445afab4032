#include <sallyport/base/memory_reserve.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <sallyport/base/test_sanitizer.hpp>

namespace sallyport {
namespace {

/// Leaves the process without further memory for as long as it exists.
class no_memory {
public:
    no_memory() {
        ::getrlimit(RLIMIT_AS, &before_);
        rlimit none = before_;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_AS, &none);
        // What the allocator still has.
        for (std::size_t size = std::size_t{1} << 20U; size >= 16; size /= 2) {
            while (void* block = ::operator new(size, std::nothrow)) held_ = ::new (block) held{held_};
        }
    }
    ~no_memory() {
        ::setrlimit(RLIMIT_AS, &before_);
        while (held_ != nullptr) ::operator delete(std::exchange(held_, held_->next));
    }
    no_memory(const no_memory&) = delete;
    no_memory& operator=(const no_memory&) = delete;

private:
    struct held {
        held* next;
    };
    rlimit before_{};
    held* held_ = nullptr;
};

// RX-03
TEST(memory_reserve, serves_only_who_asks_for_it) {
    if (testing::is_sanitized) GTEST_SKIP() << "no memory is left for the sanitizer";
    void* without = nullptr;
    std::vector<void*> blocks(3);
    {
        const no_memory now;
        without = ::operator new(64, std::nothrow);
        const use_memory_reserve reserve;
        std::size_t size = 64;
        for (void*& each : blocks) {
            each = ::operator new(size, std::nothrow);
            size *= 50;
        }
    }
    EXPECT_EQ(without, nullptr);
    EXPECT_EQ(reserved_blocks_in_use(), blocks.size());
    for (void* each : blocks) {
        EXPECT_NE(each, nullptr);
        ::operator delete(each);
    }
    EXPECT_EQ(reserved_blocks_in_use(), 0U);
}

TEST(memory_reserve, is_not_used_while_there_is_memory) {
    const use_memory_reserve reserve;
    const auto block = std::make_unique<int>(1);
    EXPECT_EQ(reserved_blocks_in_use(), 0U);
    if (testing::is_sanitized) return;
    // Not a constant, which the compiler would warn of.
    const volatile std::size_t too_large = std::numeric_limits<std::size_t>::max() / 2;
    EXPECT_THROW(::operator delete(::operator new(too_large)), std::bad_alloc);
}

}  // namespace
}  // namespace sallyport
