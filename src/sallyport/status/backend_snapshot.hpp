#pragma once
// What is known of the backends of a gateway at one moment. Plain values; any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::status {

struct backend_snapshot {
    std::string name;
    // "active", "drain" or "maintenance"; "removed": no longer configured, and its last sessions end.
    std::string state;
    // "up", "failing" or "down".
    std::string health;
    // Why it is not up; as it came, so escape it to show it.
    std::string reason;
    // The health changed; nothing: it never has.
    std::optional<std::chrono::duration<double>> since;
    unsigned weight = 1;
    // Less than 1 during slow start.
    double weight_factor = 1;
    std::size_t sessions = 0;
    // 0: no limit of its own.
    std::size_t sessions_max = 0;
    std::uint64_t sessions_total = 0;
    // Mean time until it greets.
    std::optional<std::chrono::duration<double>> response;
};

struct pool_snapshot {
    // In the order in which they were added.
    std::vector<backend_snapshot> backends;
    // Sessions.
    std::size_t queued = 0;
};

}  // namespace sallyport::status
