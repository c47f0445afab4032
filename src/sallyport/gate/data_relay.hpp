#pragma once
// The relay of one transfer: a data connection on each leg, and the bytes between them (G1, G2, DC-02).
//
// Owned by the session that started it and by its own coroutine. Loop thread only. On each leg the data connection is
// accepted on a reserved port or connected to the peer; the peer is always the session's client or its backend.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <sallyport/diagnosis/failed_data.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/reach/connection_choice.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/transfer_record.hpp>

namespace sallyport::gate {

/// What a transfer needs to know of its session. A value.
struct data_relay_options {
    // The address that the client connected to, from which active data connections are made; unspecified: any.
    ip_address local;
    // The session ID context of TLS on the client leg (TLS-04).
    std::string tls_session_context;
    // Refuse data connections of the client that do not resume the control connection's TLS session.
    bool require_tls_session_reuse = false;
    // Of the session, which outlives the relay; never null.
    reach::resumption_history* tls_history = nullptr;
    // Measured on the client's control connection, if the client leg is protected.
    std::chrono::microseconds round_trip{};
    // The backend's name and the TLS session of its control connection.
    net::tls_connect_options backend_tls;
    // The session's rate limits.
    net::relay_rate_limits rate_limits{};
    // The PROXY header for backends that want one on data connections; empty otherwise.
    std::string backend_header;
    // Returns the socket for a connection to the backend; empty: it has an address of this machine.
    std::function<result<unique_fd>()> make_backend_socket{};
    // In passive mode on the client leg, the address and port in the reply to PASV or EPSV.
    std::optional<endpoint> advertised{};
    // The expected peers on the client leg and on the backend leg, and the gateway's own address there.
    ip_address client;
    ip_address backend;
    ip_address local_to_backend;
    // Called once the client's data connection is established, or has failed.
    std::function<void()> client_wait_ended;
    // Called once, with the client's endpoint; see relay_machine::data_connected().
    std::function<net::task<>(endpoint)> on_connected{};
    // Whether the end of the client's data is the end of the file.
    net::end_check check_upload_end{};
    // An upload may end without close_notify.
    bool allow_missing_close_notify = false;
};

class data_relay {
public:
    data_relay(std::shared_ptr<session_context> gate, net::loop& loop, proto::relay_plan plan,
               reach::port_reservation client_port, reach::port_reservation backend_port, data_relay_options options);

    /// Runs the transfer to its end. After stop() the result has no meaning.
    net::task<proto::data_outcome> run();
    /// The backend has sent 1xx: the data connection to an active client can be made.
    void confirm() { confirmed_.set(); }
    /// While true, no reply of the backend may be sent to the client: after a 150 it would start to send, and in single-port
    /// mode it is identified by its silence.
    [[nodiscard]] bool must_hold_replies() const noexcept { return identified_by_silence_ && !client_wait_ended_; }
    /// Cancels the transfer by RST on both legs.
    void stop() noexcept;

    [[nodiscard]] const net::relay_counts& counts() const noexcept { return counts_; }
    /// How a data connection could not be established; nothing if both were, or if that has another cause.
    [[nodiscard]] const std::optional<diagnosis::failed_data>& failure() const noexcept { return failure_; }
    /// The backend has replied that there is no data connection: nothing if one was established on its leg.
    [[nodiscard]] std::optional<diagnosis::failed_data> without_backend_connection() const;
    /// The transfer record as far as the relay knows it, also after the end.
    [[nodiscard]] status::transfer_record record() const;
    /// Adds the transfer and the ports on which a peer is still expected, for status.
    void describe(status::session_report& into) const;
    /// For the log: "RETR f: 1024 bytes to 192.0.2.1:5000 (EPSV)".
    [[nodiscard]] std::string summary() const;

private:
    net::task<proto::data_outcome> connect_and_relay();
    net::task<result<void>> open_backend_leg();
    net::task<result<net::stream>> connect_backend(net::time_limit limit);
    net::task<result<void>> open_client_leg();
    void end_client_wait();
    net::task<> notify_connected();
    net::task<result<void>> start_client_tls();
    net::task<result<void>> accept_client_tls(const net::tls_accept_options& options);
    net::task<result<net::stream>> open_leg(const proto::leg_setup& setup, reach::port_reservation& port,
                                            net::connect_options from, net::time_limit limit);
    void note_client_failure(diagnosis::data_failure how, std::string detail = {});
    void note_backend_failure(const error& why);
    [[nodiscard]] diagnosis::failed_data on_backend_leg(diagnosis::data_failure how, std::string detail) const;
    [[nodiscard]] proto::data_outcome client_outcome(const error& cause) const;
    [[nodiscard]] std::string backend_failure_text(const error& cause) const;
    [[nodiscard]] std::string no_connection_text(const reach::port_reservation& port) const;

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    proto::relay_plan plan_;
    // The reserved ports on which the client and the backend are expected; empty if the leg connects.
    reach::port_reservation client_port_;
    reach::port_reservation backend_port_;
    data_relay_options options_;
    net::stall_watch stall_;
    net::event confirmed_;
    net::stream client_;
    net::stream backend_;
    net::relay_counts counts_;
    endpoint client_peer_;
    std::optional<diagnosis::failed_data> failure_;
    const net::deadline started_at_ = net::clock::now();
    net::deadline ended_at_ = net::deadline::max();
    bool identified_by_silence_;
    bool client_wait_ended_ = false;
    bool backend_connected_ = false;
    bool stopped_ = false;
};

}  // namespace sallyport::gate
