#pragma once
// The data connections of one session: ports that were reserved and not used yet, the kernel's opening for one of them, and
// the relay of the running transfer (G1, G2, DC-04).
//
// A client has one passive port at a time. Owned by the session, which performs the actions of its machine. Loop thread
// only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/firewall/openings.hpp>
#include <sallyport/gate/data_relay.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/reach/passive_mode.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::gate {

class data_connections {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    data_connections(std::shared_ptr<session_context> gate, net::loop& loop, log_sink log);

    // ---- Negotiation; it replaces the earlier reservation of that leg

    /// The endpoint to advertise to the client.
    [[nodiscard]] result<endpoint> reserve_for_client(const reach::passive_request& client, bool extended);
    /// The endpoint to send to the backend, at the local address of the control connection with it.
    [[nodiscard]] result<endpoint> reserve_for_backend(const net::stream& control);
    /// The opening with which the kernel forwards from the reserved port of that leg to `to`, which is on the other leg.
    [[nodiscard]] firewall::opening opening_at(proto::leg leg, const endpoint& to, const net::stream& client,
                                               const net::stream& backend) const;
    /// Keeps an opening that is in force now. False if its port was released meanwhile.
    [[nodiscard]] bool use_opening(proto::leg leg, firewall::opening_lease opening);
    /// For an intercepted session: the opening for a data connection to `to` that crosses this machine (crossing.hpp), where
    /// no port is reserved. Without `to` the data are relayed: reserves a port of this machine, and the opening forwards to
    /// it what the client sends to that port of the server. REQUIRES: the settings have interception.machine.
    [[nodiscard]] result<firewall::opening> plan_crossing(proto::leg leg, const std::optional<endpoint>& to,
                                                          const net::stream& client, const net::stream& backend);
    void use_crossing(proto::leg leg, firewall::opening_lease opening);
    /// Called when the data timeout has passed: why no connection was established through the opening, for the log; nothing
    /// if one was.
    [[nodiscard]] std::optional<std::string> opening_failure();

    /// The outcome for the machine in that case.
    [[nodiscard]] proto::data_outcome not_established() const;

    // ---- Transfers

    /// Starts the relay between the two legs. The ports and rate limits in `options` are filled in here.
    [[nodiscard]] std::shared_ptr<data_relay> start_relay(proto::relay_plan plan, data_relay_options options);
    /// The relay of the running transfer, or null.
    [[nodiscard]] const std::shared_ptr<data_relay>& running() const noexcept { return relay_; }
    /// The relay has finished by itself.
    void relay_ended() noexcept { relay_.reset(); }
    /// Releases the ports of a transfer whose bytes bypass this process.
    void release_ports() noexcept;
    /// Cancels everything; open connections are closed by RST.
    void abort() noexcept;

    /// Adds the running transfer and the openings, for status.
    void describe(status::session_report& into, const ip_address& client, const ip_address& backend) const;

private:
    [[nodiscard]] result<firewall::opening> reserve_in_place_of_server(const net::stream& client);
    void note_abandoned_crossing() const noexcept;

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    log_sink log_;
    std::optional<token_bucket> upload_limit_;
    std::optional<token_bucket> download_limit_;
    reach::resumption_history tls_history_;
    reach::port_reservation client_port_;
    reach::port_reservation backend_port_;
    firewall::opening_lease opening_;
    // The leg whose peer connects through the opening.
    proto::leg opening_leg_ = proto::leg::client;
    bool is_crossing_ = false;
    std::shared_ptr<data_relay> relay_;
};

}  // namespace sallyport::gate
