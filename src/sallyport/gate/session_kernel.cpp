// Data connections that the kernel leads between client and backend, so that no byte comes to us (DESIGN.md decision 3).

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/gate/session.hpp>

namespace sallyport::gate {

net::task<> run_opening(std::shared_ptr<session> self, proto::relay_leg from, firewall::opening wanted, endpoint told) {
    co_await self->open_in_kernel(from, std::move(wanted), told);
}

void session::lead(proto::relay_leg from, firewall::opening wanted, const endpoint& told) {
    wanted.lifetime = gate_->config.data_connect;
    home_.spawn("gate: opening", run_opening(self(), from, std::move(wanted), told));
}

/// The peer of that leg hears of its port when the kernel is ready for it. Where that can't be, the port is met as ever.
net::task<> session::open_in_kernel(proto::relay_leg from, firewall::opening wanted, endpoint told) {
    const auto limit = net::time_limit::within(limits::opening_commit);
    const auto lifetime = wanted.lifetime;
    auto got = co_await gate_->kernel->admit(home_, std::move(wanted), limit);
    if (over()) co_return;
    auto& port = from == proto::relay_leg::client ? port_ : port_behind_;
    const bool led = got && port;
    if (led) {
        led_ = std::move(*got);
        led_stands_ = false;
        port.lead_past(net::clock::now() + lifetime);
    } else if (!got) {
        log(log::level::info,
            fmt::format("The data connection is relayed, as the kernel can't lead it: {}", got.error().text()));
    }
    machine_->port_reserved(told, led);
    co_await advance();
}

/// By then its connection must be established. Looked at once, and only where the transfer still runs then.
net::deadline session::led_due() const {
    const bool waits = direct_ && direct_->plan.data_path.route == proto::data_route::kernel && led_ && !led_stands_;
    return waits ? direct_->begun + gate_->config.data_connect : net::deadline::max();
}

/// Without us to accept the connection, nobody else would notice that it never comes about.
void session::look_at_led() {
    const auto use = led_.use();
    led_stands_ = use == firewall::opening_use::established;
    if (led_stands_) return;
    const auto& o = led_.what();
    const auto waited = gate_->config.data_connect.count();
    const bool tried = use == firewall::opening_use::attempted;
    const auto seen =
        tried ? fmt::format(
                    "connection requests from {} were forwarded to {}, and none was completed. A forward chain on this "
                    "machine probably drops them: it must accept 'ct status dnat', see \"Data by the kernel's NAT\" in "
                    "docs/gateway.md",
                    o.client.text(), o.to.text())
              : fmt::format(
                    "no connection request from {} arrived at {}. A firewall on the way probably drops them, or one on "
                    "this machine does before NAT",
                    o.client.text(), o.at.text());
    direct_->why = fmt::format("no data connection was established within {} s: {}", waited, seen);
    log(log::level::warning,
        fmt::format("{} {}: {}", proto::row_of(direct_->plan.what).name, escape(direct_->plan.argument, 200), direct_->why));
    status::count(gate_->counters.data_never_came);
    led_ = {};
    machine_->data_ended(
        {proto::data_end::not_established, fmt::format("No data connection was established within {} s.", waited)});
}

}  // namespace sallyport::gate
