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
struct data_relay_options {
    ip_address local;                                     // where the client reached us: connections to it come from there
    std::string tls_session_context;                      // session id context in front (TLS-04)
    bool require_tls_session_reuse = false;               // in front
    net::tls_connect_options backend_tls;                 // name, and the control connection's TLS session
    net::relay_rate_limits rate_limits{};                 // the session's
    std::string backend_header;                           // PROXY, for a backend that wants it on data; empty else
    ip_address client;                                    // who is expected in front, and ...
    ip_address backend;                                   // ... behind
    std::function<void()> client_wait_ended;              // called once the client's connection is there, or will not be
    std::function<net::task<>(endpoint)> on_connected{};  // once: as relay_machine::data_connected() has it
    net::end_check check_upload_end{};                    // whether the end of the client's data counts
    bool allow_missing_close_notify = false;              // an upload may end without it
};

class data_relay {
public:
    data_relay(std::shared_ptr<session_context> gate, net::loop& loop, proto::relay_plan plan,
               reach::port_reservation client_port, reach::port_reservation backend_port, data_relay_options options);

    /// Runs the transfer to its end. What it returns after stop() is of no interest any more.
    net::task<proto::data_outcome> run();
    /// The backend has said 1xx: an active client may be connected to.
    void confirm() { confirmed_.set(); }
    /// Until then no reply of the backend may reach the client: by 150 it would begin to send, and it is told from others by
    /// its silence (single-port mode).
    [[nodiscard]] bool must_hold_replies() const noexcept { return identified_by_silence_ && !client_wait_ended_; }
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
    net::task<proto::data_outcome> connect_and_relay();
    net::task<result<void>> open_backend_leg();
    net::task<result<void>> open_client_leg();
    void end_client_wait();
    net::task<> notify_connected();
    net::task<result<void>> start_client_tls();
    net::task<result<net::stream>> open_leg(const proto::leg_setup& setup, reach::port_reservation& port,
                                            net::connect_options from, net::time_limit limit);
    [[nodiscard]] proto::data_outcome client_failure(const error& cause) const;
    [[nodiscard]] std::string backend_failure_text(const error& cause) const;
    [[nodiscard]] std::string no_connection_text(const reach::port_reservation& port) const;

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    proto::relay_plan plan_;
    reach::port_reservation client_port_;   // where the client is expected, if it is
    reach::port_reservation backend_port_;  // where the backend is
    data_relay_options options_;
    net::stall_watch stall_;
    net::event confirmed_;
    net::stream client_;
    net::stream backend_;
    net::relay_counts counts_;
    endpoint client_peer_;
    const net::deadline started_at_ = net::clock::now();
    net::deadline ended_at_ = net::deadline::max();
    bool identified_by_silence_;
    bool client_wait_ended_ = false;
    bool stopped_ = false;
};

}  // namespace sallyport::gate
