#include <sallyport/gate/crossing.hpp>

#include <cstdint>

#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/random.hpp>

namespace sallyport::gate {
namespace {

// Ports below belong to services.
constexpr std::uint32_t first_data_port = net::first_unprivileged_port;

}  // namespace

result<firewall::opening> crossing_opening(proto::leg from, const endpoint& to, const crossing_peers& peers,
                                           firewall::router& machine, std::chrono::milliseconds lifetime) {
    const auto& peer = from == proto::leg::client ? peers.client : peers.server;
    firewall::opening out{.client = peer, .listen = to, .forward_to = to, .source = peer};
    out.lifetime = lifetime;
    if (from == proto::leg::client) return out;
    const auto seen = machine.translated_address(peers.backend_control);
    if (!seen) return std::unexpected(seen.error());
    if (*seen == to.address) return out;
    out.listen = {*seen, static_cast<std::uint16_t>(first_data_port + reach::random_below(65536 - first_data_port))};
    return out;
}

}  // namespace sallyport::gate
