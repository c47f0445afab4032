#pragma once
// What carries the openings out: the kernel (nft_table), or a table of a test's own. Owned by `openings`, whose
// thread makes the changes; questions may come from any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include <sallyport/base/error.hpp>
#include <sallyport/firewall/opening.hpp>

namespace sallyport::firewall {

enum class change_kind : std::uint8_t { open, close };

struct change {
    change_kind kind = change_kind::open;
    opening subject;
};

/// What has become of an opening.
enum class opening_use : std::uint8_t {
    // No connection was led.
    none,
    // Connections were led, and none of them was established.
    attempted,
    // It has served its one connection.
    established,
};

class table {
public:
    table() = default;
    // Closes all.
    virtual ~table() = default;
    table(const table&) = delete;
    table& operator=(const table&) = delete;

    /// All of it, in this order, or nothing. One thread at a time.
    [[nodiscard]] virtual result<void> commit(std::span<const change> changes) = 0;
    /// How long it will still stand; nothing once it was used or its time was over. Any thread; never waits for commit().
    [[nodiscard]] virtual std::optional<std::chrono::milliseconds> remaining(const opening& o) = 0;
    /// Also after its time, until it is closed. Likewise.
    [[nodiscard]] virtual opening_use use_of(const opening& o) = 0;
};

}  // namespace sallyport::firewall
