#include <sallyport/reach/passive.hpp>

#include <utility>

#include <sallyport/base/log.hpp>
#include <sallyport/reach/port_report.hpp>

namespace sallyport::reach {

passive::passive(net::loop_group& loops, passive_settings settings, status::counters& counters)
    : loops_(loops),
      settings_(settings.ports),
      ports_(loops, std::move(settings.ports), counters),
      rules_(std::move(settings.addresses)),
      advisor_(std::make_shared<address_advisor>(loops.at(0), rules_)) {}

std::shared_ptr<address_advisor> passive::advisor() const {
    const std::lock_guard lock(mutex_);
    return advisor_;
}

result<passive_offer> passive::offer(net::loop& home, const ip_address& local, const visitor& to, bool extended) {
    const auto address = extended ? std::optional(advice{to.reached.address, {}}) : advisor()->advertise(to);
    if (!address) return fail(errc::unsupported, "PASV needs an IPv4 address; use EPSV");
    auto reserved = ports_.reserve(home, local, to.client);
    if (!reserved) return std::unexpected(std::move(reserved.error()));
    const endpoint told{address->address, reserved->told()};
    return passive_offer{std::move(*reserved), told};
}

void passive::report(const std::vector<endpoint>& listening) {
    if (listening.empty()) return;
    for (const auto& line : port_report(settings_, ports_, listening.front().address)) log::warning({}, line);
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
