#pragma once
// Passive mode towards clients, for server and gateway: reserves a passive port for a session, in the passive port range or
// in single-port mode, and selects the address and port to advertise.
//
// Thread-safe, except where a function names a thread. Owned by the state that survives reloads; the event loops and the
// counters outlive it.

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
#include <sallyport/reach/mapped_ports.hpp>
#include <sallyport/reach/own_networks.hpp>
#include <sallyport/reach/port_broker.hpp>
#include <sallyport/reach/router_mapping.hpp>
#include <sallyport/reach/single_port.hpp>
#include <sallyport/reach/stun_watch.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::reach {

struct passive_settings {
    broker_settings ports;
    single_port_settings single;
    // For 227 replies.
    std::vector<address_rule> addresses;
    // Ports that the router is to forward: those of the listeners, and these.
    mapping_settings mapping;
    // Servers that see the external address; none is asked if this is empty.
    std::vector<stun_server> stun;
};

/// Which session needs a passive port. A value; `control` outlives it.
struct passive_request {
    const net::stream& control;
    // What the client connected to.
    endpoint client_destination;
    // The unique ID of the session.
    std::string session;
    // The TLS session ID context of the control connection; empty if data connections are not encrypted (PROT C).
    std::string tls_session_context;
    // Several connections of the client's address may arrive, one of which resumes the TLS session
    // (tls_data_connection.hpp).
    bool collects = false;
};

/// A reserved passive port, and what to advertise for it.
struct passive_endpoint {
    port_reservation reservation;
    endpoint advertised;
};

class passive_mode {
public:
    /// `tls` is the TLS context of the control connections; single-port mode reads ClientHellos with it.
    passive_mode(net::loop_group& loops, passive_settings settings, const std::optional<net::tls_server_context>& tls,
                 status::counters& counters);

    /// On the session's event loop. With `extended` (EPSV) no address is selected. Fails with errc::exhausted if no port of
    /// the range is free, with errc::port_refused if single-port mode does not allow it now, and with errc::unsupported if
    /// no address is available for a 227.
    [[nodiscard]] result<passive_endpoint> reserve(const passive_request& request, bool extended);

    /// Null unless single-port mode is enabled.
    [[nodiscard]] const std::shared_ptr<single_port>& single() const noexcept { return single_; }
    [[nodiscard]] port_broker& ports() noexcept { return ports_; }

    /// Logs the warnings of port_report() at the start, for a daemon that listens at these addresses.
    void report(const std::vector<endpoint>& listening);
    /// Starts resolving the host names among the address rules, and has the router forward ports, for a daemon that listens
    /// at these addresses. Waits for nothing. `passive`: data ports are forwarded too.
    void start(const std::vector<endpoint>& listening, bool passive = true);
    /// Replaces the address rules for later replies. On the first event loop. Resolved addresses of unchanged names are
    /// kept.
    void set_addresses(const std::vector<address_rule>& rules);
    /// The ports that the router forwards, or opens for IPv6, or should. Any thread.
    [[nodiscard]] std::vector<mapping> mappings() const;
    /// Has the router end its mappings, then calls `done` on the first loop: within some seconds.
    /// On that loop.
    void end_mappings(std::move_only_function<void()> done);
    /// Another process keeps the mappings from now on. On the first loop.
    void hand_over_mappings();
    /// Closes the passive ports and stops the lookups. Call it while the loops exist; further calls do nothing.
    void stop();

private:
    [[nodiscard]] std::shared_ptr<address_selector> selector() const;
    [[nodiscard]] result<port_reservation> reserve_on_single_port(const passive_request& request,
                                                                  const mapped_ports* router) const;
    [[nodiscard]] const mapped_ports* router_ports(const client_info& client, bool extended,
                                                   const advertised_address& address) const;
    void map_ports(const std::vector<endpoint>& listening, bool passive);
    void open_ipv6_ports(const std::vector<endpoint>& listening, bool passive);
    void start_stun();
    [[nodiscard]] std::vector<std::uint16_t> ports_to_map(const std::vector<endpoint>& listening, bool passive,
                                                          address_family family) const;

    net::loop_group& loops_;
    status::counters& counters_;
    const passive_settings settings_;
    port_broker ports_;
    const std::shared_ptr<const own_networks> own_networks_ = std::make_shared<own_networks>();
    // What the router forwards, and the external address; null unless mappings or STUN are enabled.
    const std::shared_ptr<mapped_ports> mapped_;
    // The ports that the router has opened for IPv6; null unless mappings are enabled.
    const std::shared_ptr<mapped_ports> opened_ipv6_;
    std::shared_ptr<single_port> single_;
    mutable std::mutex mutex_;
    std::vector<address_rule> rules_;
    std::shared_ptr<address_selector> selector_;
    std::unique_ptr<router_mapping> mapping_;
    std::unique_ptr<router_mapping> ipv6_mapping_;
    std::unique_ptr<stun_watch> stun_;
};

}  // namespace sallyport::reach
