#pragma once
// Prevents the gateway from being its own backend (GW-09): it knows the listeners and both ends of the gateway's connections
// to backends. Otherwise one client would start sessions until the session limit is reached.
//
// Any thread. The shared state of the gateway owns it; registrations may outlive it.

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

/// Whether a connection to `to` reaches one of these listeners, on a machine with these addresses.
[[nodiscard]] bool reaches_listener(const std::vector<endpoint>& listeners, const std::vector<ip_address>& machine,
                                    const endpoint& to) noexcept;

class self_connection_guard {
    struct state;
    struct connection_ends {
        endpoint local;
        endpoint remote;
        friend auto operator<=>(const connection_ends&, const connection_ends&) = default;
    };

public:
    self_connection_guard();

    /// The gateway's listeners, with real port numbers.
    void set_listeners(std::vector<endpoint> listeners);
    /// Whether a connection to this endpoint would reach the gateway itself.
    [[nodiscard]] bool is_listener(const endpoint& to) const;
    /// Whether a connection to this address can reach no other host.
    [[nodiscard]] bool is_this_machine(const ip_address& address) const;
    /// An error if a backend given by its address is the gateway itself. Names are checked when they are resolved.
    [[nodiscard]] result<void> check_not_self(const std::vector<backend>& backends) const;

    /// A connection of the gateway to a backend, known by both of its ends as long as this is held. The local end alone does
    /// not identify it: on one machine a client can have the same address and port, with another destination.
    class registration {
    public:
        registration() noexcept = default;
        ~registration() { unregister(); }
        registration(registration&& other) noexcept = default;
        registration& operator=(registration&& other) noexcept;

    private:
        friend class self_connection_guard;
        registration(std::shared_ptr<state> in, const connection_ends& e) noexcept : state_(std::move(in)), ends_(e) {}
        void unregister() noexcept;
        std::shared_ptr<state> state_;
        connection_ends ends_;
    };
    [[nodiscard]] registration register_connection(const endpoint& local, const endpoint& remote);
    /// Held from before connect() until the connection is registered. Meanwhile is_from_gateway() waits on other threads: on
    /// one machine a connection can be accepted before the connecting thread knows its local end.
    [[nodiscard]] std::shared_lock<std::shared_mutex> connecting() const { return std::shared_lock(state_->connecting); }
    [[nodiscard]] bool is_from_gateway(const endpoint& peer, const endpoint& destination) const;

private:
    struct state {
        void read_machine_addresses();

        std::shared_mutex connecting;
        // Guards the rest.
        std::mutex mutex;
        std::multiset<connection_ends> connections;
        std::vector<endpoint> listeners;
        std::vector<ip_address> machine;
        net::deadline reread_at{};
    };
    std::shared_ptr<state> state_;
};

}  // namespace sallyport::gate
