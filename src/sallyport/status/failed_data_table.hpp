#pragma once
// How many data connections failed, by cause and client network (S7). A network is an IPv4 /24 or an IPv6 /64. Those of a
// gateway with its backends are counted by the backend's address.
//
// The table is bounded: a new row replaces the one that was counted least recently. Owned by
// the daemon's shared state; any thread.

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>

namespace sallyport::status {

struct failed_data_count {
    // A key of the doctor's table of causes: "data-ports-dropped".
    std::string id;
    // For example "192.0.2.0/24"; "10.0.0.5" on the backend leg.
    std::string network;
    std::uint64_t count = 0;
    // Since the last one.
    std::chrono::seconds age{};
    bool on_backend_leg = false;
    // The side that has to change something after the last one, as the log names it: "server", "undecided".
    std::string side{};
};

class failed_data_table {
public:
    using clock = std::chrono::steady_clock;

    // Some causes of each of some dozens of networks are enough to compare them.
    static constexpr std::size_t max_rows = 256;

    void add(std::string_view id, std::string_view side, const ip_address& peer, clock::time_point now,
             bool on_backend_leg = false);
    /// The most recent one first.
    [[nodiscard]] std::vector<failed_data_count> list(clock::time_point now) const;
    /// How many there were of each cause, including those whose rows were dropped.
    [[nodiscard]] std::map<std::string, std::uint64_t> totals() const;

private:
    struct key {
        std::string id;
        std::string network;
        bool on_backend_leg = false;
        auto operator<=>(const key&) const = default;
    };
    struct row {
        key of;
        std::string side;
        std::uint64_t count = 0;
        clock::time_point last;
    };

    mutable std::mutex mutex_;
    // The most recent one first.
    std::list<row> rows_;
    std::map<key, std::list<row>::iterator> by_key_;
    std::map<std::string, std::uint64_t> totals_;
};

}  // namespace sallyport::status
