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
[[nodiscard]] bool comes_to(const std::vector<endpoint>& listeners, const std::vector<ip_address>& machine,
                            const endpoint& to) noexcept;

class own_ends {
    struct book;
    struct ends {
        endpoint local;
        endpoint remote;
        friend auto operator<=>(const ends&, const ends&) = default;
    };

public:
    own_ends();

    /// Where we listen, with real port numbers.
    void listen_at(std::vector<endpoint> listeners);
    /// Whether a connection to there would come to ourselves.
    [[nodiscard]] bool listens_at(const endpoint& to) const;
    /// An error where a backend that is named by its address is ourselves. Names are looked at when they are resolved.
    [[nodiscard]] result<void> none_of(const std::vector<backend>& backends) const;

    /// A connection of ours to a backend, known by both its ends for as long as this is held. Our end alone would not do: on
    /// one machine a client's connection may come from the same address and port, as it leads to another place.
    class leg {
    public:
        leg() noexcept = default;
        ~leg() { end(); }
        leg(leg&& other) noexcept = default;
        leg& operator=(leg&& other) noexcept;

    private:
        friend class own_ends;
        leg(std::shared_ptr<book> in, const ends& e) noexcept : in_(std::move(in)), ends_(e) {}
        void end() noexcept;
        std::shared_ptr<book> in_;
        ends ends_;
    };
    [[nodiscard]] leg hold(const endpoint& local, const endpoint& remote);
    /// Held from before a connection is begun until its end is held. Until then is_leg() waits on other threads: on one
    /// machine a connection can be accepted sooner than whoever has made it learns of its own end.
    [[nodiscard]] std::shared_lock<std::shared_mutex> connecting() const { return std::shared_lock(book_->connecting); }
    [[nodiscard]] bool is_leg(const endpoint& peer, const endpoint& destination) const;

private:
    struct book {
        std::shared_mutex connecting;
        std::mutex mutex;  // of the rest
        std::multiset<ends> legs;
        std::vector<endpoint> listeners;
        std::vector<ip_address> machine;
        net::deadline read_again{};
    };
    std::shared_ptr<book> book_;
};

}  // namespace sallyport::gate
