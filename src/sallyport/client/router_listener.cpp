#include <sallyport/client/router_listener.hpp>

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::client {

bool needs_mapping(const ip_address& client, const ip_address& server) noexcept {
    return client.is_v4() && client.is_private() && server.is_public();
}

net::task<result<endpoint>> router_listener::open(endpoint local, ip_address server, net::time_limit limit) {
    if (!needs_mapping(local.address, server)) co_return local;
    if (failure_) co_return std::unexpected(*failure_);
    co_await close();
    mapped_ = std::make_shared<reach::mapped_ports>();
    mapped_->set_ports({local.port});
    mapping_ = std::make_unique<reach::router_mapping>(loop_, settings_, reach::mapping_nonce(), mapped_);
    const auto changed = std::make_shared<net::event>(loop_);
    mapping_->start([changed] { changed->set(); });
    const auto now = net::clock::now();
    const auto until = std::min<net::deadline>(limit.next(now), now + listener_mapping_timeout);
    while (mapping_ && co_await changed->wait(until)) {
        changed->clear();
        if (const auto port = mapped_->external(local.port)) {
            const auto address = mapped_->address();
            if (!address) break;
            co_return endpoint{*address, *port};
        }
    }
    auto why = failed(local.port);
    co_await close();
    co_return why;
}

result<endpoint> router_listener::failed(std::uint16_t port) {
    std::string reason = "no answer";
    if (mapped_->external(port))
        reason = "its external address is not a public one, so there is another NAT";
    else if (mapping_)
        for (const auto& each : mapping_->mappings())
            if (!each.error.empty()) reason = each.error;
    failure_ =
        error{errc::unreachable, 0, fmt::format("the router does not forward port {} to this machine: {}", port, reason)};
    return std::unexpected(*failure_);
}

net::task<> router_listener::close() {
    if (!mapping_) co_return;
    const auto ending = std::move(mapping_);
    const auto ended = std::make_shared<net::event>(loop_);
    ending->stop([ended] { ended->set(); });
    (void)co_await ended->wait(net::clock::now() + 4 * limits::unmapping_timeout);
}

}  // namespace sallyport::client
