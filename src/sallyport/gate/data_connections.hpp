#pragma once
// The data connections of one session: ports that were reserved and not used yet, the kernel's opening for one of them, and
// the relay of the running transfer (G1, G2, DC-04).
//
// A client has one passive port at a time. Owned by the session, which performs the actions of its machine and outlives each
// coroutine. Loop thread only.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/firewall/openings.hpp>
#include <sallyport/frontend/failed_data.hpp>
#include <sallyport/gate/backend_leg.hpp>
#include <sallyport/gate/client_control.hpp>
#include <sallyport/gate/data_relay.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/gate/translated_ports.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::gate {

/// How a connection to a port gets to its other end.
enum class port_route : std::uint8_t {
    // The gateway accepts it.
    accepted,
    // The kernel forwards it to the peer of the other leg, through an opening; without one the gateway accepts it.
    forwarded,
    // Of an intercepted session: it crosses this machine, and needs an opening.
    crossing,
    // The same, but the gateway accepts it in place of the server.
    redirected,
};

/// A port that the peer of a leg is to connect to.
struct reserved_port {
    endpoint advertised;
    port_route route = port_route::accepted;
    // Unless the gateway accepts it.
    firewall::opening opening{};
};

/// That port, now that connections to it can arrive.
struct opened_port {
    endpoint advertised;
    // Otherwise the gateway accepts it.
    bool forwarded = false;
};

/// What the peer of the leg receives.
[[nodiscard]] result<endpoint> advertised_by(const auto& port) {
    if (!port) return std::unexpected(port.error());
    return port->advertised;
}

/// Why the kernel forwards no data connection.
struct failed_opening {
    proto::data_outcome outcome;
    // For the record of the transfer, and for the log.
    std::string reason;
    // Its cause, if it never carried a connection. On the backend leg the method is to be filled in.
    std::optional<diagnosis::failed_data> seen{};
};

class data_connections {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    data_connections(std::shared_ptr<session_context> gate, net::loop& loop, log_sink log);

    // ---- Negotiation

    /// Reserves a port, for open(); it replaces the earlier one of that leg. Nothing is opened yet. For an intercepted
    /// session without `to`, the gateway accepts the client's connection in place of the server, and cannot accept that of a
    /// server. REQUIRES: for an intercepted session the settings have interception.machine.
    [[nodiscard]] result<reserved_port> reserve(const proto::relay_act::reserve_port& wanted, client_control& client,
                                                backend_leg& backend);
    /// Makes the opening of the port that was reserved last, for this leg, if it needs one, for the session with these
    /// control connections. A failure is counted and logged. Fails with errc::cancelled if the port was released meanwhile.
    /// If no opening is left for a client's connection that crosses this machine, the gateway accepts it in place of the
    /// server, as far as rules of the administrator let it in.
    net::task<result<opened_port>> open(proto::leg leg, const client_control& client, const backend_leg& backend);
    /// Whether the opening may end before the transfer that begins now has waited for its connection, of which there is none
    /// yet. A server's connection would then be accepted at the reserved port and closed, and the server would reply 226.
    [[nodiscard]] bool must_renew() const;
    /// Makes the opening once more, with its whole lifetime. The transfer's command must not be sent before. Nothing if that
    /// was done, or if the port was released meanwhile. REQUIRES: must_renew().
    net::task<std::optional<failed_opening>> renew(const client_control& client, const backend_leg& backend);
    /// Called when the data timeout has passed, and at intervals then: nothing if the connection through the opening was
    /// established and is not known to be lost, or if there is no answer.
    [[nodiscard]] std::optional<failed_opening> opening_failure();

    // ---- Transfers

    /// Starts the relay between the two legs. The ports and rate limits in `options` are filled in here.
    [[nodiscard]] std::shared_ptr<data_relay> start_relay(proto::relay_plan plan, data_relay_options options);
    /// The relay of the running transfer, or null.
    [[nodiscard]] const std::shared_ptr<data_relay>& running() const noexcept { return relay_; }
    /// The relay has finished by itself.
    void relay_ended() noexcept { relay_.reset(); }
    /// A transfer whose bytes bypass this process has ended with this reply: releases its ports. After 425: why there was no
    /// connection through the opening, if that is known.
    [[nodiscard]] std::optional<failed_opening> end_bypassing(int reply);
    /// Cancels everything; open connections are closed by RST.
    void abort() noexcept;
    /// The same; `by_client`: it has sent another command, or left. A passive port that it leaves without a transfer, and
    /// without a connection to it, is logged and counted.
    void leave(bool by_client);

    /// For SITE DOCTOR: of the session of this machine, and of others of its user.
    [[nodiscard]] proto::site_doctor_facts known(const proto::relay_machine& machine, const client_control& client) const;
    /// For others of its user at the same backend, another of which may have another user of this name.
    void show_to_doctor(const proto::relay_machine& machine, const client_control& client, const backend_leg& backend);
    /// The data connection with the client is established.
    void set_client_peer(const endpoint& peer) noexcept { history_.last_peer = peer; }
    /// Adds the running transfer and the openings, for status.
    void describe(status::session_report& into, const ip_address& client, const ip_address& backend) const;

private:
    [[nodiscard]] result<reserved_port> reserve_for_client(const reach::passive_request& client, bool extended);
    [[nodiscard]] result<reserved_port> reserve_for_backend(const net::stream& control);
    [[nodiscard]] result<reserved_port> reserve_crossing(const proto::relay_act::reserve_port& wanted,
                                                         const net::stream& client, backend_leg& backend);
    [[nodiscard]] result<reserved_port> reserve_in_place_of_server(const net::stream& client, std::uint16_t backend_port);
    void release_ports() noexcept;
    void end_opening(bool used) noexcept;
    /// The opening is that of an intercepted session.
    [[nodiscard]] bool is_crossing() const noexcept { return opening_route_ != port_route::forwarded; }
    /// The opening is counted as one that is expected; otherwise the port of this process that it leads to is.
    [[nodiscard]] bool is_counted() const noexcept { return opening_route_ != port_route::redirected; }
    [[nodiscard]] error not_open(error reason);
    void log_not_open(const error& reason) const;
    [[nodiscard]] reach::port_reservation& port_of(proto::leg leg) noexcept {
        return leg == proto::leg::client ? client_port_ : backend_port_;
    }
    net::task<result<firewall::opening_lease>> make_opening(firewall::opening wanted, const client_control& client,
                                                            const backend_leg& backend);
    [[nodiscard]] bool use_opening(proto::leg leg, port_route route, firewall::opening_lease opening);
    void note_abandoned_crossing() const noexcept;
    void report_failed_data(const std::optional<diagnosis::failed_data>& seen) const;
    void report_no_port(const proto::relay_act::reserve_port& wanted, const client_control& client, const error& why) const;
    [[nodiscard]] std::string cause_of_failure(const firewall::opening& o, firewall::opening_use use) const;
    [[nodiscard]] std::optional<diagnosis::failed_data> failed_through(const firewall::opening& o, firewall::opening_use use,
                                                                       std::string cause) const;

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    log_sink log_;
    std::optional<token_bucket> upload_limit_;
    std::optional<token_bucket> download_limit_;
    reach::resumption_history tls_history_;
    reach::port_reservation client_port_;
    reach::port_reservation backend_port_;
    // The offer is of client_port_, or of the opening.
    frontend::data_history history_{gate_->base->doctor};
    // Not opened yet.
    std::optional<reserved_port> reserved_;
    translated_ports::reservation translated_port_;
    firewall::opening_lease opening_;
    // The leg whose peer connects through the opening.
    proto::leg opening_leg_ = proto::leg::client;
    // How connections get through it.
    port_route opening_route_ = port_route::forwarded;
    // Its connection was, at a check.
    bool established_ = false;
    // When the port was reserved, or its opening made.
    net::deadline opened_at_{};
    std::shared_ptr<data_relay> relay_;
};

}  // namespace sallyport::gate
