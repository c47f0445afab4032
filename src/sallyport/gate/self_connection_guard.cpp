#include <sallyport/gate/self_connection_guard.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/net/interfaces.hpp>

namespace sallyport::gate {
namespace {

// The machine's addresses are cached for this time, since reading them takes longer than a local connection.
constexpr auto machine_addresses_lifetime = std::chrono::seconds(1);

}  // namespace

bool reaches_listener(const std::vector<endpoint>& listeners, const std::vector<ip_address>& machine,
                      const endpoint& to) noexcept {
    // A connection to 0.0.0.0 or :: goes to this machine's loopback.
    const bool is_local = to.address.is_unspecified() || to.address.is_loopback() ||
                          std::ranges::any_of(machine, [&](const ip_address& a) { return is_same_host(a, to.address); });
    return std::ranges::any_of(listeners, [&](const endpoint& at) {
        if (at.port != to.port) return false;
        if (is_same_host(at.address, to.address)) return true;
        if (to.address.is_unspecified())
            return at.address.is_unspecified() || (at.address.is_loopback() && at.address.is_v4() == to.address.is_v4());
        // A listener at :: accepts IPv4 too.
        return is_local && at.address.is_unspecified() && (at.address.is_v6() || to.address.is_v4());
    });
}

self_connection_guard::self_connection_guard() : state_(std::make_shared<state>()) {}

void self_connection_guard::set_listeners(std::vector<endpoint> listeners) {
    const std::scoped_lock lock(state_->mutex);
    state_->listeners = std::move(listeners);
}

bool self_connection_guard::is_listener(const endpoint& to) const {
    auto& b = *state_;
    const std::scoped_lock lock(b.mutex);
    // Most backends have another port; then the machine's addresses do not matter.
    const bool same_port = std::ranges::any_of(b.listeners, [&](const endpoint& at) { return at.port == to.port; });
    if (!same_port) return false;
    b.read_machine_addresses();
    return reaches_listener(b.listeners, b.machine, to);
}

bool self_connection_guard::is_this_machine(const ip_address& address) const {
    if (address.is_unspecified() || address.is_loopback() || address.is_multicast()) return true;
    auto& b = *state_;
    const std::scoped_lock lock(b.mutex);
    b.read_machine_addresses();
    return std::ranges::any_of(b.machine, [&](const ip_address& a) { return is_same_host(a, address); });
}

void self_connection_guard::state::read_machine_addresses() {
    const auto now = net::clock::now();
    if (now < reread_at) return;
    machine = net::interface_addresses();
    reread_at = now + machine_addresses_lifetime;
}

result<void> self_connection_guard::check_not_self(const std::vector<backend>& backends) const {
    for (const auto& b : backends) {
        auto addresses = b.addresses;
        if (const auto literal = ip_address::parse(b.host)) addresses.push_back(*literal);
        for (const auto& address : addresses) {
            if (b.needs_discovery() || !is_listener({address, b.port})) continue;
            return fail(
                errc::usage,
                fmt::format("backend {}: this gateway itself listens at {}; use the address and port of the FTP server",
                            b.text(), endpoint{address, b.port}.text()));
        }
    }
    return {};
}

// ---- Connections to backends

self_connection_guard::registration& self_connection_guard::registration::operator=(registration&& other) noexcept {
    if (this == &other) return *this;
    unregister();
    state_ = std::move(other.state_);
    ends_ = other.ends_;
    return *this;
}

void self_connection_guard::registration::unregister() noexcept {
    if (!state_) return;
    {
        const std::scoped_lock lock(state_->mutex);
        state_->connections.erase(state_->connections.find(ends_));
    }
    state_.reset();
}

self_connection_guard::registration self_connection_guard::register_connection(const endpoint& local,
                                                                               const endpoint& remote) {
    const std::scoped_lock lock(state_->mutex);
    state_->connections.insert({local, remote});
    return {state_, {local, remote}};
}

bool self_connection_guard::is_from_gateway(const endpoint& peer, const endpoint& destination) const {
    const std::unique_lock none_in_progress(state_->connecting);
    const std::scoped_lock lock(state_->mutex);
    return state_->connections.contains({peer, destination});
}

}  // namespace sallyport::gate
