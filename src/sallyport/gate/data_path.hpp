#pragma once
// One transfer's way through the gateway: a connection in front, one behind, and the bytes between (G1, G2, DC-02).
//
// Owned by the session that began it and by its own coroutine. Loop thread only. Each leg is met at its reserved port or
// connected to; either way only the session's client is the peer in front, and only its backend behind.

#include <functional>
#include <memory>
#include <string>

#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/transfer_record.hpp>

namespace sallyport::gate {

/// What a data connection takes over from its session's control connections.
struct data_terms {
    ip_address local;                                  // where the client reached us: connections to it come from there
    std::string tls_id;                                // session id context in front (TLS-04)
    bool must_resume = false;                          // in front
    net::tls_connect_options backend_tls;              // name, and the control connection's TLS session
    net::relay_pace pace{};                            // the session's
    std::string backend_header;                        // PROXY, for a backend that wants it on data; empty else
    ip_address client;                                 // who is expected in front, and ...
    ip_address backend;                                // ... behind
    std::function<void()> client_met;                  // called once the client's connection is there, or will not be
    std::function<net::task<>(endpoint)> connected{};  // once: as relay_machine::data_connected() has it
    net::end_check upload_may_end{};                   // whether the end of the client's data counts
    bool allow_missing_close_notify = false;           // an upload may end without it
};

class data_path {
public:
    data_path(std::shared_ptr<session_context> gate, net::loop& home, proto::relay_plan plan, reach::reservation port,
              reach::reservation port_behind, data_terms terms);

    /// Runs the transfer to its end. What it returns after stop() is of no interest any more.
    net::task<proto::data_outcome> run();
    /// The backend has said 1xx: an active client may be connected to.
    void confirm() { confirmed_.set(); }
    /// Until then no reply of the backend may reach the client: by 150 it would begin to send, and it is told from others by
    /// its silence (single-port mode).
    [[nodiscard]] bool needs_silence() const noexcept { return by_silence_ && !met_; }
    /// Gives it up: RST on both sides.
    void stop() noexcept;

    [[nodiscard]] const net::relay_counts& counts() const noexcept { return counts_; }
    /// What the path knows of it, also when it is over.
    [[nodiscard]] status::transfer_record record() const;
    /// Adds what there is to tell while it runs: the transfer, and the ports at which a side is still expected.
    void describe(status::session_report& into) const;
    /// For the log: "RETR f: 1024 bytes to the client, from 192.0.2.1:5000".
    [[nodiscard]] std::string summary() const;

private:
    net::task<proto::data_outcome> join();
    net::task<result<void>> open_backend();
    net::task<result<void>> open_client();
    void client_met();
    net::task<> tell_connected();
    net::task<result<void>> protect_client();
    net::task<result<net::stream>> open_leg(const proto::leg_setup& setup, reach::reservation& port,
                                            net::connect_options from, net::time_limit limit);
    [[nodiscard]] proto::data_outcome no_client(const error& why) const;
    [[nodiscard]] std::string no_backend(const error& why) const;
    [[nodiscard]] std::string nobody_came(const reach::reservation& port) const;

    std::shared_ptr<session_context> gate_;
    net::loop& home_;
    proto::relay_plan plan_;
    reach::reservation port_;         // where the client is expected, if it is
    reach::reservation port_behind_;  // where the backend is
    data_terms terms_;
    net::stall_watch stall_;
    net::event confirmed_;
    net::stream client_;
    net::stream backend_;
    net::relay_counts counts_;
    endpoint client_peer_;
    const net::deadline begun_ = net::clock::now();
    net::deadline ended_ = net::deadline::max();
    bool by_silence_;
    bool met_ = false;
    bool stopped_ = false;
};

}  // namespace sallyport::gate
