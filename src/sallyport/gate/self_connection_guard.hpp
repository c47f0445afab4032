#pragma once
// How a gateway knows that it would talk to itself (GW-09): where it listens, and its own ends of its connections to
// backends. A backend that is the gateway would turn one client into as many sessions as there may be.
//
// Any thread.

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

/// Whether a connection to `to` comes to one of these listeners, on a machine with these addresses.
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

    /// Where we listen, with real port numbers.
    void set_listeners(std::vector<endpoint> listeners);
    /// Whether a connection to there would come to ourselves.
    [[nodiscard]] bool is_listener(const endpoint& to) const;
    /// An error where a backend that is named by its address is ourselves. Names are looked at when they are resolved.
    [[nodiscard]] result<void> check_not_self(const std::vector<backend>& backends) const;

    /// A connection of ours to a backend, known by both its ends for as long as this is held. Our end alone would not do: on
    /// one machine a client's connection may come from the same address and port, as it leads to another place.
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
    /// Held from before a connection is begun until its end is held. Until then is_leg() waits on other threads: on one
    /// machine a connection can be accepted sooner than whoever has made it learns of its own end.
    [[nodiscard]] std::shared_lock<std::shared_mutex> connecting() const { return std::shared_lock(state_->connecting); }
    [[nodiscard]] bool is_from_gateway(const endpoint& peer, const endpoint& destination) const;

private:
    struct state {
        std::shared_mutex connecting;
        std::mutex mutex;  // of the rest
        std::multiset<connection_ends> connections;
        std::vector<endpoint> listeners;
        std::vector<ip_address> machine;
        net::deadline reread_at{};
    };
    std::shared_ptr<state> state_;
};

}  // namespace sallyport::gate
