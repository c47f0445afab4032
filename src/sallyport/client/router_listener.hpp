#pragma once
// A listener_mapping that has the router forward the listener's port, as --map of the client does: one mapping for one
// listener, which ends after the transfer. Where client and server need none, nothing is asked.
//
// Owned by the caller of the connection; on the thread of the loop, which outlives it.

#include <chrono>
#include <memory>
#include <optional>

#include <sallyport/client/listener_mapping.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/mapped_ports.hpp>
#include <sallyport/reach/router_mapping.hpp>

namespace sallyport::client {

/// How long the router has, where it is silent to two protocols.
inline constexpr auto listener_mapping_timeout = std::chrono::seconds(6);
/// Time for which the mapping is requested and renewed: a process that is killed leaves it for that long.
inline constexpr auto listener_mapping_lease = std::chrono::seconds(120);

/// Whether NAT lies between these hosts: the client has a private address, and the server a public one.
[[nodiscard]] bool needs_mapping(const ip_address& client, const ip_address& server) noexcept;

class router_listener final : public listener_mapping {
public:
    router_listener(net::loop& loop, reach::mapping_settings settings) : loop_(loop), settings_(std::move(settings)) {}

    /// Waits for the router for listener_mapping_timeout, at most. After an error, the router is not asked again.
    net::task<result<endpoint>> open(endpoint local, ip_address server, net::time_limit limit) override;
    net::task<> close() override;

private:
    [[nodiscard]] result<endpoint> failed(std::uint16_t port);

    net::loop& loop_;
    const reach::mapping_settings settings_;
    std::shared_ptr<reach::mapped_ports> mapped_;
    std::unique_ptr<reach::router_mapping> mapping_;
    std::optional<error> failure_;
};

}  // namespace sallyport::client
