#pragma once
// The ports that PORT and EPRT to a server name instead of the client's, where NAT on this machine translates the client's
// address. For each server, a port belongs to one client at a time. No socket is bound to them; an opening forwards what
// arrives.
//
// Any thread. Owned by the state that survives reloads; reservations may outlive it.

#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::gate {

class translated_ports {
    // The server and the endpoint that it connects to.
    using key = std::pair<ip_address, endpoint>;
    struct state {
        std::mutex mutex;
        std::set<key> used;
    };

public:
    /// One port. Movable; released at destruction.
    class reservation {
    public:
        reservation() noexcept = default;
        reservation(reservation&& other) noexcept = default;
        reservation& operator=(reservation&& other) noexcept;
        ~reservation() { release(); }

        /// REQUIRES: it was made by reserve().
        [[nodiscard]] const endpoint& at() const noexcept { return key_.second; }

    private:
        friend class translated_ports;
        reservation(std::shared_ptr<state> in, key k) noexcept : state_(std::move(in)), key_(std::move(k)) {}
        void release() noexcept;

        std::shared_ptr<state> state_;
        key key_;
    };

    /// A random port of `translated` that no other client of this server has. Fails with errc::exhausted if there is none.
    [[nodiscard]] result<reservation> reserve(const ip_address& server, const ip_address& translated);

private:
    const std::shared_ptr<state> state_ = std::make_shared<state>();
};

}  // namespace sallyport::gate
