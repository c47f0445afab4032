#pragma once
// The state of a gateway's backends at one moment, for `status`. Plain values; any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::status {

struct backend_snapshot {
    std::string name;
    // "active", "drain", "maintenance", or "removed" if it is no longer configured but still has sessions.
    std::string state;
    // "up", "failing" or "down".
    std::string health;
    // Why the backend is not up; unescaped text of a peer.
    std::string reason;
    // Time since the last change of health; nothing if it has not changed.
    std::optional<std::chrono::duration<double>> since;
    unsigned weight = 1;
    // Less than 1 during slow start.
    double weight_factor = 1;
    std::size_t sessions = 0;
    // 0: no limit.
    std::size_t sessions_max = 0;
    std::uint64_t sessions_total = 0;
    // Mean time until its greeting.
    std::optional<std::chrono::duration<double>> response;
};

struct pool_snapshot {
    // In the order in which they were added.
    std::vector<backend_snapshot> backends;
    // Number of queued sessions.
    std::size_t queued = 0;
};

}  // namespace sallyport::status
