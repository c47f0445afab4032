#pragma once
// What the thread of an event loop works on at present: a session and its command. If a loop stops running, the watchdog
// reads the note and names both (OP-08).
//
// A note is a value of one word without pointers, so any thread may read it at any time. It follows a coroutine: each wait
// takes the note from the thread and sets it again when the coroutine is resumed, and a spawned coroutine inherits it. A
// session sets its note at its start and at each command. On threads without a loop, notes are ignored.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::net {

class work_note {
public:
    /// The work of no session.
    constexpr work_note() noexcept = default;
    /// Keeps the lower 32 bits of the number of the session, and the first four characters of `command`, which may be empty.
    constexpr work_note(std::uint64_t session, std::string_view command) noexcept : bits_(session << 32U) {
        for (std::size_t i = 0; i < std::min(command.size(), max_command); ++i)
            bits_ |= std::uint64_t{static_cast<unsigned char>(command[i])} << (8 * i);
    }

    /// 0: no session.
    [[nodiscard]] std::uint32_t session() const noexcept { return static_cast<std::uint32_t>(bits_ >> 32U); }
    [[nodiscard]] std::string command() const {
        std::string out;
        for (auto rest = static_cast<std::uint32_t>(bits_); rest != 0; rest >>= 8U) out += static_cast<char>(rest & 0xffU);
        return out;
    }

    /// Sets the note of this thread.
    void set() const noexcept {
        if (of_thread != nullptr) of_thread->store(bits_, std::memory_order_relaxed);
    }
    /// Returns the note of this thread, which becomes that of no session.
    [[nodiscard]] static work_note take() noexcept {
        const auto taken = get();
        work_note().set();
        return taken;
    }
    [[nodiscard]] static work_note get() noexcept {
        return of_thread == nullptr ? work_note() : work_note(of_thread->load(std::memory_order_relaxed));
    }

    friend bool operator==(work_note, work_note) = default;

private:
    friend class work_place;
    explicit constexpr work_note(std::uint64_t bits) noexcept : bits_(bits) {}

    static constexpr std::size_t max_command = 4;
    static inline constinit thread_local std::atomic<std::uint64_t>* of_thread = nullptr;

    std::uint64_t bits_ = 0;
};

/// The note of one loop's thread, and the thread. Owned by the loop.
class work_place {
public:
    /// On the thread of the loop, while it runs.
    void enter() noexcept;
    void leave() noexcept;

    /// Any thread.
    [[nodiscard]] work_note note() const noexcept { return work_note(note_.load(std::memory_order_relaxed)); }
    /// The ID of the thread (gettid); 0 if the loop is not running. Any thread.
    [[nodiscard]] int thread() const noexcept { return thread_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> note_{0};
    std::atomic<int> thread_{0};
};

}  // namespace sallyport::net
