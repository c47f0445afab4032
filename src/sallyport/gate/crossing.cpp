#include <sallyport/gate/crossing.hpp>

#include <utility>

namespace sallyport::gate {

result<crossing> plan_crossing(proto::leg from, const endpoint& to, const crossing_peers& peers, translated_ports& ports) {
    const auto& peer = from == proto::leg::client ? peers.client : peers.server;
    crossing out{.opening = {.client = peer, .listen = to, .forward_to = to, .source = peer}};
    if (from == proto::leg::client || peers.translated == to.address) return out;
    auto port = ports.reserve(peers.server, peers.translated);
    if (!port) return std::unexpected(std::move(port).error());
    out.port = std::move(*port);
    out.opening.listen = out.port.at();
    return out;
}

}  // namespace sallyport::gate
