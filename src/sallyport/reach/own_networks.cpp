#include <sallyport/reach/own_networks.hpp>

#include <algorithm>
#include <chrono>

#include <sallyport/net/interfaces.hpp>

namespace sallyport::reach {
namespace {

constexpr auto max_age = std::chrono::seconds(10);

}  // namespace

bool own_networks::is_local(const ip_address& client) const {
    if (!client.is_public()) return true;
    const auto now = net::clock::now();
    const std::lock_guard lock(mutex_);
    if (now >= read_again_) {
        networks_ = net::interface_networks();
        read_again_ = now + max_age;
    }
    return std::ranges::any_of(networks_, [&client](const ip_network& n) { return n.contains(client); });
}

}  // namespace sallyport::reach
