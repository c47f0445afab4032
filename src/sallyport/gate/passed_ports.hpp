#pragma once
// Ports of servers that the clients of intercepted sessions with TLS passthrough may connect to (passthrough=A-B;
// docs/router.md). Each session holds a lease: its client may connect once the lease was returned, and no longer when it is
// destroyed.
//
// The kernel makes these changes under a lock that another program can hold for long, so they are made on a thread of their
// own, one after the other, and no event loop waits for them. The removal of ports that the kernel refuses is repeated with
// the next change.
//
// `passed_ports` is owned by the state that sessions share, a lease by its session; a lease may outlive `passed_ports`. Any
// thread; a lease is returned on the loop of its session.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <sallyport/base/error.hpp>
#include <sallyport/firewall/opening.hpp>
#include <sallyport/gate/interception.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::gate {

class passed_ports {
    struct changer;

public:
    /// Owns what one session may use. Movable; its destruction ends that.
    class lease {
    public:
        lease() noexcept = default;
        ~lease() { release(); }
        lease(lease&& other) noexcept = default;
        lease& operator=(lease&& other) noexcept;

        [[nodiscard]] explicit operator bool() const noexcept { return changer_ != nullptr; }
        /// Whether packets have passed on a data connection of the session since the last call.
        net::task<result<bool>> data_moved(net::loop& loop, net::time_limit limit) const;

    private:
        friend class passed_ports;
        lease(std::shared_ptr<changer> by, std::uint64_t key) noexcept : changer_(std::move(by)), key_(key) {}
        void release() noexcept;

        std::shared_ptr<changer> changer_;
        std::uint64_t key_ = 0;
    };

    /// Uses the functions of the settings for changes, which may block.
    explicit passed_ports(const interception_settings& settings);

    /// For the session with these control connections, which are used during the call only, by the rule with this number.
    /// Fails with errc::timeout if the kernel takes too long; a change that it makes later is taken back.
    net::task<result<lease>> pass(net::loop& loop, std::size_t rule, firewall::control_connections session,
                                  net::time_limit limit) const;

private:
    std::shared_ptr<changer> changer_;
};

}  // namespace sallyport::gate
