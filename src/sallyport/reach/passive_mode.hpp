#pragma once
// Passive data connections as server and gateway offer them to their clients: a port that is promised, and the address and
// port number to tell. Any thread; the loops and the counters must outlive it.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/reach/address_selector.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/reach/single_port.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct passive_settings {
    broker_settings ports;
    single_port_settings single;
    // For the reply 227.
    std::vector<address_rule> addresses;
};

/// The session that asks.
struct passive_request {
    const net::stream& control;
    // What the client has connected to.
    endpoint client_destination;
    // The session's id, unique.
    std::string session;
    // The control connection's session id context, where data is protected; empty else.
    std::string tls_session_context;
};

struct passive_endpoint {
    port_reservation reservation;
    endpoint advertised;
};

class passive_mode {
public:
    /// `tls`: that of the control connections, for single-port mode.
    passive_mode(net::loop_group& loops, passive_settings settings, const std::optional<net::tls_server_context>& tls,
                 status::counters& counters);

    /// On the session's loop. With `extended` (EPSV) the address does not matter. errc::exhausted where no port is left;
    /// errc::unsupported where a 227 can't be given.
    [[nodiscard]] result<passive_endpoint> reserve(const passive_request& request, bool extended);

    /// Empty where each data connection has a port of its own.
    [[nodiscard]] const std::shared_ptr<single_port>& single() const noexcept { return single_; }
    [[nodiscard]] port_broker& ports() noexcept { return ports_; }

    /// Logs what is odd about the ports (port_report), for a daemon that listens there.
    void report(const std::vector<endpoint>& listening);
    void start();
    /// For the offers to come; on the first loop. What names are known to be stays known.
    void set_addresses(const std::vector<address_rule>& rules);
    /// While the loops are there; again does nothing.
    void stop();

private:
    [[nodiscard]] std::shared_ptr<address_selector> selector() const;
    [[nodiscard]] result<port_reservation> reserve_on_single_port(const passive_request& request) const;

    net::loop_group& loops_;
    status::counters& counters_;
    const passive_settings settings_;
    port_broker ports_;
    std::shared_ptr<single_port> single_;
    mutable std::mutex mutex_;
    std::vector<address_rule> rules_;
    std::shared_ptr<address_selector> selector_;
};

}  // namespace sallyport::reach
