#include <sallyport/reach/passive.hpp>

#include <utility>

#include <sallyport/base/log.hpp>
#include <sallyport/reach/port_report.hpp>

namespace sallyport::reach {

passive::passive(net::loop_group& loops, passive_settings settings, const std::optional<net::tls_server_context>& tls,
                 status::counters& counters)
    : loops_(loops),
      counters_(counters),
      settings_(std::move(settings)),
      ports_(loops, settings_.ports, counters),
      rules_(settings_.addresses),
      advisor_(std::make_shared<address_advisor>(loops.at(0), rules_)) {
    if (settings_.single.on()) single_ = std::make_shared<single_port>(settings_.single, tls, counters);
}

std::shared_ptr<address_advisor> passive::advisor() const {
    const std::lock_guard lock(mutex_);
    return advisor_;
}

result<passive_offer> passive::offer(const passive_caller& who, bool extended) {
    const visitor to{who.control.peer().address, who.reached, who.control.is_tls()};
    const auto address = extended ? std::optional(advice{to.reached.address, {}}) : advisor()->advertise(to);
    if (!address) return fail(errc::unsupported, "PASV needs an IPv4 address; use EPSV");
    result<reservation> reserved;
    if (single_) reserved = on_single_port(who);
    // The range is for those to whom the one port can't be given, and for everybody where there is none.
    if (!single_ || (!reserved && settings_.ports.range.first != 0))
        reserved = ports_.reserve(who.control.owner(), who.control.local().address, to.client);
    else if (!reserved)
        status::count(counters_.ports_exhausted);
    if (!reserved) return std::unexpected(std::move(reserved.error()));
    const endpoint told{address->address, reserved->told()};
    return passive_offer{std::move(*reserved), told};
}

result<reservation> passive::on_single_port(const passive_caller& who) const {
    const auto own = settings_.single.control ? who.control.local().port : settings_.single.port;
    // Behind a balancer the client knows the balancer's port.
    const bool passed_on = settings_.single.control && who.reached.port != own;
    return single_->expect({.home = who.control.owner(),
                            .client = who.control.peer().address,
                            .port = own,
                            .told = passed_on ? who.reached.port : settings_.ports.outside.of(own),
                            .session = who.session,
                            .tls_id = who.tls_id,
                            .round_trip = who.control.round_trip()});
}

void passive::report(const std::vector<endpoint>& listening) {
    if (listening.empty()) return;
    for (const auto& line : port_report(settings_.ports, ports_, listening.front().address)) log::warning({}, line);
}

void passive::start() { advisor()->start(); }

void passive::set_addresses(const std::vector<address_rule>& rules) {
    const std::lock_guard lock(mutex_);
    if (rules == rules_) return;
    rules_ = rules;
    auto next = std::make_shared<address_advisor>(loops_.at(0), rules_);
    next->learn_from(*advisor_);
    advisor_->stop();
    advisor_ = std::move(next);
    advisor_->start();
}

void passive::stop() {
    ports_.stop();
    advisor()->stop();
}

}  // namespace sallyport::reach
