#pragma once
// Notices that the firewall of this machine drops the sessions that the gateway intercepts: their packets pass its input
// chain with the port of the server (docs/router.md). Without this notice clients time out, and no log has the cause.
//
// The counter is a value. Loop thread only.

#include <chrono>
#include <cstdint>
#include <optional>

#include <sallyport/gate/interception.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::gate {

/// Decides when there is something to report about a count of dropped connection requests.
class dropped_request_count {
public:
    using clock = std::chrono::steady_clock;

    /// `total`: since the start, modulo 2^32. How many were dropped since the last line, if it is time for another one.
    [[nodiscard]] std::optional<std::uint32_t> note(std::uint32_t total, clock::time_point now);

private:
    std::uint32_t reported_ = 0;
    std::uint32_t last_ = 0;
    clock::time_point next_{};
};

/// Runs as long as the loop, also if a query fails. The settings are copied.
/// `interval`: often enough that the line is there while the administrator still tries; asking costs microseconds.
net::task<> watch_input_chain(net::loop& loop, interception_settings settings,
                              net::clock::duration interval = std::chrono::seconds(2));

}  // namespace sallyport::gate
