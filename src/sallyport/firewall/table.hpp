#pragma once
// The interface to what enforces openings: the kernel's nf_tables (nft_table), the helper process that has it
// (helper/remote_table), or a substitute in tests.
//
// Owned by `openings`, whose thread makes the changes; queries may come from any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/firewall/opening.hpp>

namespace sallyport::firewall {

/// Whether to create or to remove the opening.
enum class change_kind : std::uint8_t { open, close };

/// The control connections of a session, as descriptors of their own.
struct owned_control_connections {
    unique_fd client;
    unique_fd backend;

    [[nodiscard]] static result<owned_control_connections> duplicate(control_connections of);
};

struct change {
    change_kind kind = change_kind::open;
    opening subject;
    // Of the session. Without a client's control connection, and to remove an opening: empty.
    owned_control_connections control{};
};

/// How far an opening has been used.
enum class opening_use : std::uint8_t {
    // No connection was forwarded.
    none,
    // Connections were forwarded, and none of them was established.
    attempted,
    // Its one connection was established.
    established,
    // It was established, but the kernel has forgotten it, and no packet has made the kernel track it again: rules drop its
    // packets, or NAT would send them elsewhere.
    lost,
    // The question had no answer: the kernel or the helper process failed.
    unknown,
};

/// A connection whose peers are silent for a moment is tracked again by its next packet, or by a retransmission.
inline constexpr auto between_searches = std::chrono::seconds(2);

class table {
public:
    table() = default;
    // Removes all openings.
    virtual ~table() = default;
    table(const table&) = delete;
    table& operator=(const table&) = delete;

    /// Makes all changes in this order, or none of them. One thread at a time.
    [[nodiscard]] virtual result<void> commit(std::span<const change> changes) = 0;
    /// Begins to make the changes, for a caller that can wait for a moment only. Nothing: they take longer, and the next
    /// call is finish(). REQUIRES: can_begin().
    [[nodiscard]] virtual std::optional<result<void>> commit_within(std::span<const change> changes,
                                                                    std::chrono::microseconds moment) {
        (void)moment;
        return commit(changes);
    }
    /// Waits for the changes that commit_within() has begun.
    [[nodiscard]] virtual result<void> finish() { return {}; }
    /// Whether commit_within() keeps to its time.
    [[nodiscard]] virtual bool can_begin() const noexcept { return false; }
    /// The remaining lifetime of an opening; empty if it was used or has expired. Any thread; never waits for commit().
    [[nodiscard]] virtual std::optional<std::chrono::milliseconds> remaining(const opening& o) = 0;
    /// How far the opening has been used, also after it has expired, until it is removed. Any thread; never waits for
    /// commit(). Microseconds, but after a loss of tracked connections the kernel's whole table is searched, which delays
    /// no commit() in this process. `lost` needs two searches without the connection, `between_searches` apart.
    [[nodiscard]] virtual opening_use use_of(const opening& o) = 0;
};

}  // namespace sallyport::firewall
