#include <sallyport/gate/own_ends.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/net/interfaces.hpp>

namespace sallyport::gate {
namespace {

// The machine's addresses are read anew after this: reading them takes longer than a connection on one machine.
constexpr auto machine_memory = std::chrono::seconds(1);

// The interface of a link-local address does not matter here.
[[nodiscard]] bool same_address(const ip_address& a, const ip_address& b) noexcept {
    return a.is_v4() == b.is_v4() && a.bytes() == b.bytes();
}

}  // namespace

bool comes_to(const std::vector<endpoint>& listeners, const std::vector<ip_address>& machine, const endpoint& to) noexcept {
    // Who connects to 0.0.0.0 or :: is connected to this machine's loopback.
    const bool here = to.address.is_unspecified() || to.address.is_loopback() ||
                      std::ranges::any_of(machine, [&](const ip_address& a) { return same_address(a, to.address); });
    return std::ranges::any_of(listeners, [&](const endpoint& at) {
        if (at.port != to.port) return false;
        if (same_address(at.address, to.address)) return true;
        if (to.address.is_unspecified())
            return at.address.is_unspecified() || (at.address.is_loopback() && at.address.is_v4() == to.address.is_v4());
        // A listener at :: takes IPv4 too.
        return here && at.address.is_unspecified() && (at.address.is_v6() || to.address.is_v4());
    });
}

own_ends::own_ends() : book_(std::make_shared<book>()) {}

void own_ends::listen_at(std::vector<endpoint> listeners) {
    const std::scoped_lock lock(book_->mutex);
    book_->listeners = std::move(listeners);
}

bool own_ends::listens_at(const endpoint& to) const {
    auto& b = *book_;
    const std::scoped_lock lock(b.mutex);
    // Most backends have another port, or we listen at one address: then the machine's addresses don't matter.
    const bool same_port = std::ranges::any_of(b.listeners, [&](const endpoint& at) { return at.port == to.port; });
    if (!same_port) return false;
    if (const auto now = net::clock::now(); now >= b.read_again) {
        b.machine = net::interface_addresses();
        b.read_again = now + machine_memory;
    }
    return comes_to(b.listeners, b.machine, to);
}

result<void> own_ends::none_of(const std::vector<backend>& backends) const {
    for (const auto& b : backends) {
        auto addresses = b.addresses;
        if (const auto literal = ip_address::parse(b.host)) addresses.push_back(*literal);
        for (const auto& address : addresses) {
            if (b.is_looked_up() || !listens_at({address, b.port})) continue;
            return fail(
                errc::usage,
                fmt::format("backend {}: this gateway itself listens at {}; use the address and port of the FTP server",
                            b.text(), endpoint{address, b.port}.text()));
        }
    }
    return {};
}

// ---- Legs

own_ends::leg& own_ends::leg::operator=(leg&& other) noexcept {
    if (this == &other) return *this;
    end();
    in_ = std::move(other.in_);
    ends_ = other.ends_;
    return *this;
}

void own_ends::leg::end() noexcept {
    if (!in_) return;
    {
        const std::scoped_lock lock(in_->mutex);
        in_->legs.erase(in_->legs.find(ends_));
    }
    in_.reset();
}

own_ends::leg own_ends::hold(const endpoint& local, const endpoint& remote) {
    const std::scoped_lock lock(book_->mutex);
    book_->legs.insert({local, remote});
    return {book_, {local, remote}};
}

bool own_ends::is_leg(const endpoint& peer, const endpoint& destination) const {
    const std::unique_lock none_is_under_way(book_->connecting);
    const std::scoped_lock lock(book_->mutex);
    return book_->legs.contains({peer, destination});
}

}  // namespace sallyport::gate
