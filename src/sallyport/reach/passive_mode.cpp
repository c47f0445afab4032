#include <sallyport/reach/passive_mode.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/port_report.hpp>

namespace sallyport::reach {

passive_mode::passive_mode(net::loop_group& loops, passive_settings settings,
                           const std::optional<net::tls_server_context>& tls, status::counters& counters)
    : loops_(loops),
      counters_(counters),
      settings_(std::move(settings)),
      ports_(loops, settings_.ports, counters),
      mapped_(settings_.mapping.is_enabled() || !settings_.stun.empty() ? std::make_shared<mapped_ports>() : nullptr),
      opened_ipv6_(settings_.mapping.is_enabled() ? std::make_shared<mapped_ports>() : nullptr),
      rules_(settings_.addresses),
      selector_(std::make_shared<address_selector>(loops.at(0), rules_, mapped_, own_networks_)) {
    if (settings_.single.is_enabled()) single_ = std::make_shared<single_port>(loops, settings_.single, tls, counters);
}

std::shared_ptr<address_selector> passive_mode::selector() const {
    const std::lock_guard lock(mutex_);
    return selector_;
}

/// What the router forwards to this client's data connections; null if they do not arrive through it. EPSV has no address:
/// the client connects to that of its control connection, which is this machine's own for a client in the same network.
const mapped_ports* passive_mode::router_ports(const client_info& client, bool extended,
                                               const advertised_address& address) const {
    if (client.address.is_v6()) return own_networks_->is_local(client.address) ? nullptr : opened_ipv6_.get();
    const bool connects_directly = !address.is_external || (extended && own_networks_->is_local(client.address));
    return connects_directly ? nullptr : mapped_.get();
}

result<passive_endpoint> passive_mode::reserve(const passive_request& request, bool extended) {
    const client_info client{request.control.peer().address, request.client_destination, request.control.is_tls()};
    std::optional<advertised_address> address;
    if (!extended || mapped_) address = selector()->select(client);
    if (!address && extended) address = advertised_address{client.client_destination.address};
    if (!address) {
        status::count(counters_.openings_refused_no_address);
        return fail(errc::unsupported, "PASV needs an IPv4 address; use EPSV");
    }
    const auto* const router = router_ports(client, extended, *address);
    result<port_reservation> reserved;
    if (single_) reserved = reserve_on_single_port(request, router);
    // Without single-port mode all ports come from the range; with it, the range is for sessions that cannot use the one
    // port.
    if (!single_ || (!reserved && settings_.ports.range.first != 0))
        reserved = ports_.reserve(request.control.owner(), request.control.local().address, client.address, request.collects,
                                  router);
    else if (!reserved) {
        status::count(counters_.ports_exhausted);
        status::count(counters_.openings_refused_single_port);
    }
    if (!reserved) return std::unexpected(std::move(reserved.error()));
    const endpoint advertised{address->address, reserved->advertised_port()};
    return passive_endpoint{std::move(*reserved), advertised};
}

result<port_reservation> passive_mode::reserve_on_single_port(const passive_request& request,
                                                              const mapped_ports* router) const {
    const auto local_port = settings_.single.control ? request.control.local().port : settings_.single.port;
    // Behind a load balancer the client connected to the load balancer's port, and has to do so again.
    const bool is_proxied = settings_.single.control && request.client_destination.port != local_port;
    const auto external = advertised_port(local_port, router, settings_.ports.external);
    return single_->reserve({.loop = request.control.owner(),
                             .client = request.control.peer().address,
                             .port = local_port,
                             .advertised_port = is_proxied ? request.client_destination.port : external,
                             .session = request.session,
                             .tls_session_context = request.tls_session_context,
                             .round_trip = request.control.round_trip()});
}

void passive_mode::report(const std::vector<endpoint>& listening) {
    if (listening.empty()) return;
    for (const auto& line : port_report(settings_.ports, ports_, listening.front().address)) log::warning({}, line);
}

/// The control ports first: without them, the others are of no use.
std::vector<std::uint16_t> passive_mode::ports_to_map(const std::vector<endpoint>& listening, bool passive,
                                                      address_family family) const {
    std::vector<std::uint16_t> out;
    const auto add = [&out](std::uint16_t port) {
        if (port != 0 && std::ranges::find(out, port) == out.end()) out.push_back(port);
    };
    // The router forwards to the address that asks it.
    const auto route = find_default_route(settings_.mapping.interface, family);
    const bool ipv4 = family == address_family::ipv4;
    for (const auto& each : listening) {
        const bool is_any = each.address.is_unspecified() && (ipv4 || each.address.is_v6());
        if (is_any || (route ? each.address == route->own : each.address.is_v4() == ipv4)) add(each.port);
    }
    if (!passive || out.empty()) return out;
    add(settings_.single.port);
    const auto range = settings_.ports.range;
    for (std::uint32_t port = range.first; range.first != 0 && port <= range.last; ++port)
        add(static_cast<std::uint16_t>(port));
    return out;
}

void passive_mode::start(const std::vector<endpoint>& listening, bool passive) {
    selector()->start();
    start_stun();
    if (!settings_.mapping.is_enabled()) return;
    map_ports(listening, passive);
    open_ipv6_ports(listening, passive);
}

void passive_mode::map_ports(const std::vector<endpoint>& listening, bool passive) {
    const auto ports = ports_to_map(listening, passive, address_family::ipv4);
    if (ports.empty()) {
        log::warning({},
                     "No port is mapped (--map): no listener has the address to which the router would forward; listen at "
                     "0.0.0.0 or [::], or name another interface with --map-interface");
        return;
    }
    mapped_->set_ports(ports);
    mapping_ = std::make_unique<router_mapping>(loops_.at(0), settings_.mapping, mapping_nonce(), mapped_);
    mapping_->start();
}

void passive_mode::open_ipv6_ports(const std::vector<endpoint>& listening, bool passive) {
    // NAT-PMP has no IPv6.
    if (settings_.mapping.protocols == std::vector{mapping_protocol::natpmp}) return;
    const auto ports = ports_to_map(listening, passive, address_family::ipv6);
    if (ports.empty()) return;
    opened_ipv6_->set_ports(ports);
    ipv6_mapping_ = std::make_unique<router_mapping>(loops_.at(0), settings_.mapping, mapping_nonce(), opened_ipv6_,
                                                     address_family::ipv6);
    ipv6_mapping_->start();
}

/// With mappings, their driver decides about the address; without, it is the one that servers agree on.
void passive_mode::start_stun() {
    if (settings_.stun.empty()) return;
    const auto receive = [this](const std::vector<stun_observation>& seen) {
        if (mapping_)
            mapping_->set_observations(seen);
        else
            mapped_->set_address(external_address(std::nullopt, seen));
    };
    stun_ = std::make_unique<stun_watch>(loops_.at(0), settings_.stun, receive);
    stun_->start();
}

std::vector<mapping> passive_mode::mappings() const {
    auto out = mapping_ ? mapping_->mappings() : std::vector<mapping>();
    if (!ipv6_mapping_) return out;
    const auto opened = ipv6_mapping_->mappings();
    out.insert(out.end(), opened.begin(), opened.end());
    return out;
}

void passive_mode::end_mappings(std::move_only_function<void()> done) {
    // Both end at the same time; the function is called after the last one.
    const auto after_both = std::make_shared<at_exit<std::move_only_function<void()>>>(std::move(done));
    for (auto* each : {mapping_.get(), ipv6_mapping_.get()})
        if (each != nullptr) each->stop([after_both] {});
}

void passive_mode::hand_over_mappings() {
    for (auto* each : {mapping_.get(), ipv6_mapping_.get()})
        if (each != nullptr) each->abandon();
}

void passive_mode::set_addresses(const std::vector<address_rule>& rules) {
    const std::lock_guard lock(mutex_);
    if (rules == rules_) return;
    rules_ = rules;
    auto next = std::make_shared<address_selector>(loops_.at(0), rules_, mapped_, own_networks_);
    next->copy_addresses_from(*selector_);
    selector_->stop();
    selector_ = std::move(next);
    selector_->start();
}

void passive_mode::stop() {
    if (stun_) stun_->stop();
    ports_.stop();
    selector()->stop();
}

}  // namespace sallyport::reach
