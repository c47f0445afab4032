#pragma once
// What the router forwards at present, for the replies of all sessions: a small table of numbers that one thread changes and
// every thread reads without a lock. A session keeps what it has been given.
//
// Owned by passive_mode, the address selector, the driver of the mappings and the router_listener of a client, through
// shared pointers.

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/reach/external_ports.hpp>

namespace sallyport::reach {

class mapped_ports {
public:
    /// The local ports. Call it once, before other threads use this.
    void set_ports(const std::vector<std::uint16_t>& local) {
        for (const auto port : local) ports_.emplace_back(port);
    }

    /// The external port of a local one; nothing while the router does not forward it. Any thread.
    [[nodiscard]] std::optional<std::uint16_t> external(std::uint16_t local) const noexcept {
        for (const auto& each : ports_)
            if (each.local == local)
                if (const auto number = each.external.load(std::memory_order_relaxed); number != 0) return number;
        return std::nullopt;
    }
    /// Calls `use` with each local port that the router forwards. Any thread.
    template <class function>
    void for_each_forwarded(function use) const {
        for (const auto& each : ports_)
            if (each.external.load(std::memory_order_relaxed) != 0) use(each.local);
    }
    /// The router's address for clients on the Internet; nothing while there is none that they can reach. Any thread.
    [[nodiscard]] std::optional<ip_address> address() const noexcept {
        const auto bits = address_.load(std::memory_order_relaxed);
        if (bits == 0) return std::nullopt;
        return ip_address::v4({static_cast<std::uint8_t>(bits >> 24U), static_cast<std::uint8_t>(bits >> 16U),
                               static_cast<std::uint8_t>(bits >> 8U), static_cast<std::uint8_t>(bits)});
    }
    [[nodiscard]] std::vector<std::uint16_t> local_ports() const {
        std::vector<std::uint16_t> out;
        for (const auto& each : ports_) out.push_back(each.local);
        return out;
    }

    /// Nothing: it is not forwarded.
    void set(std::uint16_t local, std::optional<std::uint16_t> external) noexcept {
        for (auto& each : ports_)
            if (each.local == local) each.external.store(external.value_or(0), std::memory_order_relaxed);
    }
    void set_address(const std::optional<ip_address>& address) noexcept {
        std::uint32_t bits = 0;
        if (address && address->is_v4())
            for (const auto byte : address->v4_bytes()) bits = bits << 8U | byte;
        address_.store(bits, std::memory_order_relaxed);
    }

private:
    struct entry {
        explicit entry(std::uint16_t port) : local(port) {}
        const std::uint16_t local;
        std::atomic<std::uint16_t> external{0};
    };
    std::deque<entry> ports_;
    std::atomic<std::uint32_t> address_{0};
};

/// The port number to advertise for a local one: that of the router if it forwards the port, otherwise that of
/// --external-ports. `router`: null if the client does not connect through it.
[[nodiscard]] inline std::uint16_t advertised_port(std::uint16_t local, const mapped_ports* router,
                                                   const external_ports& by_hand) noexcept {
    const auto forwarded = router == nullptr ? std::nullopt : router->external(local);
    return forwarded ? *forwarded : by_hand.of(local);
}

}  // namespace sallyport::reach
