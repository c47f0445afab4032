#pragma once
// A port reservation: a passive port on which one session waits for the data connection of its own client (G2, DC-02).
//
// `port_reservation` is the session's handle. `pending_connection` is the listener's side of it: a port of the range
// (port_broker), or the port that all sessions share (single_port).
//
// The session owns its port_reservation and uses it on its event loop only. The handle and the listener share the
// pending_connection, which any thread may complete. The event loop outlives both.

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

/// Created by the code that accepts the connection, and held there while the connection is expected. Used on the session's
/// event loop, except the constants and where a function allows any thread.
class pending_connection : public std::enable_shared_from_this<pending_connection> {
public:
    struct parameters {
        ip_address client;
        // The local port.
        std::uint16_t port = 0;
        // The port to advertise: the external port.
        std::uint16_t advertised_port = 0;
        // The connection is identified by the TLS session that it resumes.
        bool identified_by_tls = false;
        // The connection is identified by being the only one that sends nothing (single_port.hpp).
        bool identified_by_silence = false;
        // Delivers further connections of the client after the first one (tls_data_connection.hpp).
        bool collects = false;
    };

    /// Counted as expected, and at its end as used or expired. `counted` outlives it.
    pending_connection(net::loop& loop, parameters t, status::counters& counted)
        : params(std::move(t)), loop_(loop), counters_(counted), changed_(loop) {
        status::count(counters_.openings_expected);
    }
    virtual ~pending_connection() = default;
    pending_connection(const pending_connection&) = delete;
    pending_connection& operator=(const pending_connection&) = delete;

    const parameters params;
    const net::clock::time_point since = net::clock::now();
    [[nodiscard]] net::loop& loop() const noexcept { return loop_; }

    /// Whether the kernel forwards the connection, so that it never arrives at the listener. Any thread.
    [[nodiscard]] bool is_forwarded() const noexcept { return forwarded_until_.load() != net::deadline(); }
    /// Whether the listener must stay open for it. Any thread.
    [[nodiscard]] bool needs_listener(net::deadline now) const noexcept {
        return !is_forwarded() || now < forwarded_until_.load();
    }

    /// Hands the accepted connection over to the session. Any thread.
    void deliver(net::accepted_connection connection);
    /// Ends the session's wait with `reason`. Any thread.
    void fail_with(error reason);

protected:
    /// The transfer command has arrived; `protect`: its data connection uses TLS.
    virtual void on_transfer_start(bool /*protect*/) {}
    /// No connection is to be delivered from now on. May be called more than once.
    virtual void stop_accepting() = 0;
    /// The session has released the reservation.
    virtual void release() = 0;
    /// The last addresses that connected to the port in vain.
    [[nodiscard]] virtual std::vector<ip_address> unexpected_peers() const { return {}; }

private:
    friend class port_reservation;
    static net::task<result<net::accepted_connection>> wait(std::shared_ptr<pending_connection> self, net::time_limit limit);
    void set_connection(net::accepted_connection connection);
    [[nodiscard]] std::optional<net::accepted_connection> take();
    void cancel();
    void count_end() noexcept;

    net::loop& loop_;
    status::counters& counters_;
    std::atomic<net::deadline> forwarded_until_{net::deadline()};
    net::event changed_;
    std::deque<net::accepted_connection> connections_;
    std::size_t delivered_ = 0;
    // The time until the first one.
    net::clock::duration arrived_after_{};
    std::optional<error> error_;
    bool handed_out_ = false;
    bool overflowed_ = false;
    bool cancelled_ = false;
};

/// Movable. Destroying it releases the reservation at once: no connection is accepted for it afterwards. Used on the
/// session's event loop.
class port_reservation {
public:
    port_reservation() noexcept = default;
    explicit port_reservation(std::shared_ptr<pending_connection> made) noexcept : pending_(std::move(made)) {}
    ~port_reservation();
    port_reservation(port_reservation&&) noexcept = default;
    port_reservation& operator=(port_reservation&&) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return pending_ != nullptr; }
    [[nodiscard]] std::uint16_t port() const noexcept { return pending_->params.port; }
    /// The port to advertise to the client: the external port.
    [[nodiscard]] std::uint16_t advertised_port() const noexcept { return pending_->params.advertised_port; }
    /// The connection is identified by the TLS session that it resumes. Clients start TLS after they have received 150, so
    /// 150 has to be sent before wait(). A connection that does not resume the session is not the client's.
    [[nodiscard]] bool identified_by_tls() const noexcept { return pending_->params.identified_by_tls; }

    /// The connection is identified by being the only one that sends nothing. Clients send data after they have received
    /// 150, so 150 must not be sent before wait() has returned the connection.
    [[nodiscard]] bool identified_by_silence() const noexcept { return pending_->params.identified_by_silence; }

    /// The transfer command has arrived; `protect`: the data connection uses TLS. Single-port mode decides from this moment
    /// on which connection it is. Call it once, before wait().
    void on_transfer_start(bool protect) { pending_->on_transfer_start(protect); }
    /// Further connections of the client can be taken after the first one.
    [[nodiscard]] bool collects() const noexcept { return pending_->params.collects; }
    /// A further connection, if one has arrived; changed() is set when one does, and after cancel().
    [[nodiscard]] std::optional<net::accepted_connection> take();
    [[nodiscard]] std::shared_ptr<net::event> changed() const { return {pending_, &pending_->changed_}; }
    [[nodiscard]] bool is_cancelled() const noexcept { return pending_->cancelled_; }
    /// Connections were rejected since there were more than limits::max_held_data_connections.
    [[nodiscard]] bool has_overflowed() const noexcept { return pending_->overflowed_; }
    /// No further connection is delivered; the port stays reserved.
    void stop_accepting() { pending_->stop_accepting(); }

    /// A connection of the client has arrived.
    [[nodiscard]] bool has_connection() const noexcept { return pending_->delivered_ > 0; }
    /// The time from the reservation until the first connection of the client. REQUIRES: has_connection().
    [[nodiscard]] net::clock::duration arrived_after() const noexcept { return pending_->arrived_after_; }
    /// The first one that was not taken yet.
    [[nodiscard]] std::optional<endpoint> waiting_peer() const {
        if (pending_->connections_.empty()) return std::nullopt;
        return pending_->connections_.front().peer;
    }
    [[nodiscard]] bool is_forwarded() const noexcept { return pending_->is_forwarded(); }

    /// Waits for the client's connection, which may have arrived already. A reservation delivers exactly one. Fails with
    /// errc::timeout if none arrived from the client (unexpected_peers() has the others), with errc::cancelled after
    /// cancel().
    net::task<result<net::accepted_connection>> wait(net::time_limit limit);
    void cancel() noexcept;
    /// The kernel forwards the connection, until `until` at the latest. The port stays reserved, and any connection that
    /// arrives at the listener is rejected.
    void forward_in_kernel(net::deadline until) noexcept { pending_->forwarded_until_ = until; }
    /// The last addresses that connected to this port while it was reserved, and were rejected.
    [[nodiscard]] std::vector<ip_address> unexpected_peers() const { return pending_->unexpected_peers(); }

private:
    void release();
    std::shared_ptr<pending_connection> pending_;
};

}  // namespace sallyport::reach
