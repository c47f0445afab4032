#include <sallyport/reach/passive_mode.hpp>

#include <utility>

#include <sallyport/base/log.hpp>
#include <sallyport/reach/port_report.hpp>

namespace sallyport::reach {

passive_mode::passive_mode(net::loop_group& loops, passive_settings settings,
                           const std::optional<net::tls_server_context>& tls, status::counters& counters)
    : loops_(loops),
      counters_(counters),
      settings_(std::move(settings)),
      ports_(loops, settings_.ports, counters),
      rules_(settings_.addresses),
      selector_(std::make_shared<address_selector>(loops.at(0), rules_)) {
    if (settings_.single.is_enabled()) single_ = std::make_shared<single_port>(settings_.single, tls, counters);
}

std::shared_ptr<address_selector> passive_mode::selector() const {
    const std::lock_guard lock(mutex_);
    return selector_;
}

result<passive_endpoint> passive_mode::reserve(const passive_request& request, bool extended) {
    const client_info client{request.control.peer().address, request.client_destination, request.control.is_tls()};
    const auto address =
        extended ? std::optional(advertised_address{client.client_destination.address, {}}) : selector()->select(client);
    if (!address) return fail(errc::unsupported, "PASV needs an IPv4 address; use EPSV");
    result<port_reservation> reserved;
    if (single_) reserved = reserve_on_single_port(request);
    // Without single-port mode all ports come from the range; with it, the range is for sessions that cannot use the one
    // port.
    if (!single_ || (!reserved && settings_.ports.range.first != 0))
        reserved =
            ports_.reserve(request.control.owner(), request.control.local().address, client.address, request.collects);
    else if (!reserved)
        status::count(counters_.ports_exhausted);
    if (!reserved) return std::unexpected(std::move(reserved.error()));
    const endpoint advertised{address->address, reserved->advertised_port()};
    return passive_endpoint{std::move(*reserved), advertised};
}

result<port_reservation> passive_mode::reserve_on_single_port(const passive_request& request) const {
    const auto local_port = settings_.single.control ? request.control.local().port : settings_.single.port;
    // Behind a load balancer the client connected to the load balancer's port, and has to do so again.
    const bool is_proxied = settings_.single.control && request.client_destination.port != local_port;
    return single_->reserve(
        {.loop = request.control.owner(),
         .client = request.control.peer().address,
         .port = local_port,
         .advertised_port = is_proxied ? request.client_destination.port : settings_.ports.external.of(local_port),
         .session = request.session,
         .tls_session_context = request.tls_session_context,
         .round_trip = request.control.round_trip()});
}

void passive_mode::report(const std::vector<endpoint>& listening) {
    if (listening.empty()) return;
    for (const auto& line : port_report(settings_.ports, ports_, listening.front().address)) log::warning({}, line);
}

void passive_mode::start() { selector()->start(); }

void passive_mode::set_addresses(const std::vector<address_rule>& rules) {
    const std::lock_guard lock(mutex_);
    if (rules == rules_) return;
    rules_ = rules;
    auto next = std::make_shared<address_selector>(loops_.at(0), rules_);
    next->copy_addresses_from(*selector_);
    selector_->stop();
    selector_ = std::move(next);
    selector_->start();
}

void passive_mode::stop() {
    ports_.stop();
    selector()->stop();
}

}  // namespace sallyport::reach
