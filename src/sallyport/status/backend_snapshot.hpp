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
    std::string state;   // "active", "drain" or "maintenance"; "removed": no longer configured, and its last sessions end
    std::string health;  // "up", "failing" or "down"
    std::string reason;  // why it is not up; as it came, so escape it to show it
    std::optional<std::chrono::duration<double>> since;  // the health changed; nothing: it never has
    unsigned weight = 1;
    double weight_factor = 1;  // less than 1 during slow start
    std::size_t sessions = 0;
    std::size_t sessions_max = 0;  // 0: no limit of its own
    std::uint64_t sessions_total = 0;
    std::optional<std::chrono::duration<double>> response;  // mean time until it greets
};

struct pool_snapshot {
    std::vector<backend_snapshot> backends;  // in the order in which they were added
    std::size_t queued = 0;                  // sessions
};

}  // namespace sallyport::status
