#pragma once
// A promise to one session that the data connection of its client will be brought to it, and to nobody else (G2, DC-02).
//
// `reservation` is what the session holds; `promise` is what keeps the door's side of it: a port of the range (port_broker)
// or the port that all share (single_port).
//
// The session owns its reservation, on its own loop; promise and session share the promise, which any thread may answer. The
// loop outlives both.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::reach {

/// Made by a door, kept by it for as long as it expects the connection. On the session's loop but for the constants.
class pending_connection : public std::enable_shared_from_this<pending_connection> {
public:
    struct parameters {
        ip_address client;
        // The port here.
        std::uint16_t port = 0;
        // The same port as the outside knows it.
        std::uint16_t advertised_port = 0;
        // The connection is known by the TLS session that it resumes.
        bool identified_by_tls = false;
        // The connection is known by being alone and silent at its time.
        bool identified_by_silence = false;
    };

    pending_connection(net::loop& loop, parameters t) : params(std::move(t)), loop_(loop), changed_(loop) {}
    virtual ~pending_connection() = default;
    pending_connection(const pending_connection&) = delete;
    pending_connection& operator=(const pending_connection&) = delete;

    const parameters params;
    [[nodiscard]] net::loop& loop() const noexcept { return loop_; }

    /// Whether the connection will come to the door, if it comes. Any thread.
    [[nodiscard]] bool is_forwarded() const noexcept { return forwarded_until_.load() != net::deadline(); }
    /// Whether the door must stay for it. Any thread.
    [[nodiscard]] bool needs_listener(net::deadline now) const noexcept {
        return !is_forwarded() || now < forwarded_until_.load();
    }

    /// The door has found the connection, or why there will be none. Any thread.
    void deliver(net::accepted_connection connection);
    void fail_with(error reason);

protected:
    /// The transfer begins.
    virtual void on_transfer_start(bool /*protect*/) {}
    /// Nobody is to be brought any more. May be called again.
    virtual void stop_accepting() = 0;
    /// The reservation ends.
    virtual void release() = 0;
    [[nodiscard]] virtual std::vector<ip_address> unexpected_peers() const { return {}; }

private:
    friend class port_reservation;
    static net::task<result<net::accepted_connection>> wait(std::shared_ptr<pending_connection> self, net::time_limit limit);
    void set_connection(net::accepted_connection connection);
    void cancel();

    net::loop& loop_;
    std::atomic<net::deadline> forwarded_until_{net::deadline()};
    net::event changed_;
    std::optional<net::accepted_connection> connection_;
    std::optional<error> error_;
    bool handed_out_ = false;
    bool cancelled_ = false;
};

/// Movable; releasing it (destruction) closes the expectation at once: no connection is accepted for it any more. Used on
/// the session's loop.
class port_reservation {
public:
    port_reservation() noexcept = default;
    explicit port_reservation(std::shared_ptr<pending_connection> made) noexcept : pending_(std::move(made)) {}
    ~port_reservation();
    port_reservation(port_reservation&&) noexcept = default;
    port_reservation& operator=(port_reservation&&) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return pending_ != nullptr; }
    [[nodiscard]] std::uint16_t port() const noexcept { return pending_->params.port; }
    /// What clients are told: the port's number outside.
    [[nodiscard]] std::uint16_t advertised_port() const noexcept { return pending_->params.advertised_port; }
    /// The connection will be known by the TLS session that it resumes, and clients begin TLS when they have read 150: so
    /// 150 has to be sent before wait(). Such a connection that does not resume is not the client's.
    [[nodiscard]] bool identified_by_tls() const noexcept { return pending_->params.identified_by_tls; }

    /// The connection will be known by being the only one that came and said nothing: so 150, after which clients send, must
    /// not be sent before it is there.
    [[nodiscard]] bool identified_by_silence() const noexcept { return pending_->params.identified_by_silence; }

    /// The transfer begins, by TLS (`protect`) or in the clear: which connection it is may be decided by what comes until
    /// now. Once, before wait().
    void on_transfer_start(bool protect) { pending_->on_transfer_start(protect); }
    /// The client's connection; it may have come already. Exactly one is ever handed out. errc::timeout where only
    /// strangers came or nobody; strangers() then helps to say why. errc::cancelled after cancel().
    net::task<result<net::accepted_connection>> wait(net::time_limit limit);
    void cancel() noexcept;
    /// The kernel leads the connection past the door, until then at the latest. The port stays promised to this client
    /// alone, and whoever comes to the door is a stranger.
    void forward_in_kernel(net::deadline until) noexcept { pending_->forwarded_until_ = until; }
    /// Addresses that tried this port while it was reserved and were refused; at most the last few.
    [[nodiscard]] std::vector<ip_address> unexpected_peers() const { return pending_->unexpected_peers(); }

private:
    void release();
    std::shared_ptr<pending_connection> pending_;
};

}  // namespace sallyport::reach
