#pragma once
// Memory for large transfer buffers, which all sessions share (RX-03).
//
// A transfer needs little memory to make progress: one TLS record or one small block. With larger buffers it is faster, and
// these are leased here while its peer is fast. If none is left, a transfer uses small buffers and is only slower. So the
// number of sessions bounds the small buffers, and this budget bounds all large ones together.
//
// A lease owns its bytes and returns them when it is destroyed; the budget must outlive it. Any thread. Sizes are in bytes.

#include <atomic>
#include <cstddef>
#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport {

class memory_budget {
public:
    class lease {
    public:
        lease() noexcept = default;
        ~lease() { release(); }
        lease(lease&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
        lease& operator=(lease&& other) noexcept {
            if (this == &other) return *this;
            release();
            budget_ = std::exchange(other.budget_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
            return *this;
        }

        /// False if the budget had too little left.
        [[nodiscard]] explicit operator bool() const noexcept { return budget_ != nullptr; }
        [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
        void release() noexcept {
            if (budget_ != nullptr) budget_->left_.fetch_add(bytes_, std::memory_order_relaxed);
            budget_ = nullptr;
            bytes_ = 0;
        }

    private:
        friend class memory_budget;
        lease(memory_budget& budget, std::size_t bytes) noexcept : budget_(&budget), bytes_(bytes) {}

        memory_budget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    explicit memory_budget(std::size_t bytes) noexcept : left_(bytes) {}
    memory_budget(const memory_budget&) = delete;
    memory_budget& operator=(const memory_budget&) = delete;

    /// Leases `bytes`, or nothing if less is left.
    [[nodiscard]] lease take(std::size_t bytes) noexcept {
        auto left = left_.load(std::memory_order_relaxed);
        while (left >= bytes) {
            if (left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed)) return {*this, bytes};
        }
        return {};
    }
    [[nodiscard]] std::size_t left() const noexcept { return left_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::size_t> left_;
};

/// The budget of this process.
[[nodiscard]] inline memory_budget& large_buffers() noexcept {
    static memory_budget all(limits::large_buffer_memory);
    return all;
}

}  // namespace sallyport
