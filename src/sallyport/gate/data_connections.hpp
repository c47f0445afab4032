#pragma once
// The data connections of one session: the ports that were negotiated and are not used yet, the kernel's opening at one of
// them, and the relay of the running transfer (G1, G2, DC-04).
//
// A client has one port at a time. Owned by the session, which performs what its machine asks for. Loop thread only.

#include <memory>
#include <optional>
#include <string>

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
    data_connections(std::shared_ptr<session_context> gate, net::loop& loop);

    // ---- Negotiation, in place of what was reserved for that leg before

    /// The endpoint to advertise to the client.
    [[nodiscard]] result<endpoint> reserve_for_client(const reach::passive_request& client, bool extended);
    /// The endpoint to name to the backend, at our end of the control connection with it.
    [[nodiscard]] result<endpoint> reserve_for_backend(const net::stream& control);
    /// Kernel forwarding from the reserved port of that leg to `to`, which is on the other leg.
    [[nodiscard]] firewall::opening opening_at(proto::leg leg, const endpoint& to, const net::stream& client,
                                               const net::stream& backend) const;
    /// It is in force now. False: its port was given up meanwhile.
    [[nodiscard]] bool use_opening(proto::leg leg, firewall::opening_lease opening);
    /// By now its connection must be established. Why it is not, for the log; nothing where it is.
    [[nodiscard]] std::optional<std::string> opening_failure();

    /// What the machine gets then.
    [[nodiscard]] proto::data_outcome not_established() const;

    // ---- Transfers

    /// Joins the legs as agreed. `terms` without what is known here: the ports, the rate limits.
    [[nodiscard]] std::shared_ptr<data_relay> start_relay(proto::relay_plan plan, data_relay_options options);
    /// The relay of the running transfer; nothing where there is none.
    [[nodiscard]] const std::shared_ptr<data_relay>& running() const noexcept { return relay_; }
    /// It is over by itself.
    void relay_ended() noexcept { relay_.reset(); }
    /// The ports of a transfer whose bytes do not come here.
    void release_ports() noexcept;
    /// Gives up all, by RST where connected.
    void abort() noexcept;

    /// Adds what runs, and the ports at which a peer is expected.
    void describe(status::session_report& into, const ip_address& client, const ip_address& backend) const;

private:
    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    std::optional<token_bucket> upload_limit_;
    std::optional<token_bucket> download_limit_;
    reach::port_reservation client_port_;
    reach::port_reservation backend_port_;
    firewall::opening_lease opening_;
    std::shared_ptr<data_relay> relay_;
};

}  // namespace sallyport::gate
