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
class promise : public std::enable_shared_from_this<promise> {
public:
    struct terms {
        ip_address client;
        // The port here.
        std::uint16_t port = 0;
        // The same port as the outside knows it.
        std::uint16_t told = 0;
        // The connection is known by the TLS session that it resumes.
        bool by_tls = false;
        // The connection is known by being alone and silent at its time.
        bool by_silence = false;
    };

    promise(net::loop& home, terms t) : what(std::move(t)), home_(home), changed_(home) {}
    virtual ~promise() = default;
    promise(const promise&) = delete;
    promise& operator=(const promise&) = delete;

    const terms what;
    [[nodiscard]] net::loop& home() const noexcept { return home_; }

    /// Whether the connection will come to the door, if it comes. Any thread.
    [[nodiscard]] bool is_led_past() const noexcept { return led_past_until_.load() != net::deadline(); }
    /// Whether the door must stay for it. Any thread.
    [[nodiscard]] bool needs_door(net::deadline now) const noexcept {
        return !is_led_past() || now < led_past_until_.load();
    }

    /// The door has found the connection, or why there will be none. Any thread.
    void bring(net::accepted connection);
    void refuse(error why);

protected:
    /// The transfer begins.
    virtual void begin(bool /*protect*/) {}
    /// Nobody is to be brought any more. May be called again.
    virtual void withdraw() = 0;
    /// The reservation ends.
    virtual void end() = 0;
    [[nodiscard]] virtual std::vector<ip_address> strangers() const { return {}; }

private:
    friend class reservation;
    static net::task<result<net::accepted>> wait(std::shared_ptr<promise> self, net::time_limit limit);
    void arrive(net::accepted connection);
    void cancel();

    net::loop& home_;
    std::atomic<net::deadline> led_past_until_{net::deadline()};
    net::event changed_;
    std::optional<net::accepted> arrived_;
    std::optional<error> refused_;
    bool handed_out_ = false;
    bool cancelled_ = false;
};

/// Movable; releasing it (destruction) closes the expectation at once: no connection is accepted for it any more. Used on
/// the session's loop.
class reservation {
public:
    reservation() noexcept = default;
    explicit reservation(std::shared_ptr<promise> made) noexcept : promise_(std::move(made)) {}
    ~reservation();
    reservation(reservation&&) noexcept = default;
    reservation& operator=(reservation&&) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return promise_ != nullptr; }
    [[nodiscard]] std::uint16_t port() const noexcept { return promise_->what.port; }
    /// What clients are told: the port's number outside.
    [[nodiscard]] std::uint16_t told() const noexcept { return promise_->what.told; }
    /// The connection will be known by the TLS session that it resumes, and clients begin TLS when they have read 150: so
    /// 150 has to be sent before wait(). Such a connection that does not resume is not the client's.
    [[nodiscard]] bool by_tls() const noexcept { return promise_->what.by_tls; }

    /// The connection will be known by being the only one that came and said nothing: so 150, after which clients send, must
    /// not be sent before it is there.
    [[nodiscard]] bool by_silence() const noexcept { return promise_->what.by_silence; }

    /// The transfer begins, by TLS (`protect`) or in the clear: which connection it is may be decided by what comes until
    /// now. Once, before wait().
    void begin(bool protect) { promise_->begin(protect); }
    /// The client's connection; it may have come already. Exactly one is ever handed out. errc::timeout where only
    /// strangers came or nobody; strangers() then helps to say why. errc::cancelled after cancel().
    net::task<result<net::accepted>> wait(net::time_limit limit);
    void cancel() noexcept;
    /// The kernel leads the connection past the door, until then at the latest. The port stays promised to this client
    /// alone, and whoever comes to the door is a stranger.
    void lead_past(net::deadline until) noexcept { promise_->led_past_until_ = until; }
    /// Addresses that tried this port while it was reserved and were refused; at most the last few.
    [[nodiscard]] std::vector<ip_address> strangers() const { return promise_->strangers(); }

private:
    void release();
    std::shared_ptr<promise> promise_;
};

}  // namespace sallyport::reach
