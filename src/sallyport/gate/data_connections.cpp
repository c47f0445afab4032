#include <sallyport/gate/data_connections.hpp>

#include <utility>

#include <fmt/format.h>

namespace sallyport::gate {
namespace {

[[nodiscard]] std::optional<token_bucket> bucket(std::uint64_t rate) {
    if (rate == 0) return std::nullopt;
    return token_bucket(static_cast<double>(rate), static_cast<double>(rate) / 10);
}

}  // namespace

data_connections::data_connections(std::shared_ptr<session_context> gate, net::loop& home)
    : gate_(std::move(gate)),
      home_(home),
      upload_limit_(bucket(gate_->config.upload_rate)),
      download_limit_(bucket(gate_->config.download_rate)) {}

// ---- Negotiation

result<endpoint> data_connections::reserve_for_client(const reach::passive_caller& who, bool extended) {
    opening_ = {};
    client_port_ = {};
    auto offer = gate_->inbound.offer(who, extended);
    if (!offer) return std::unexpected(offer.error());
    client_port_ = std::move(offer->port);
    return offer->told;
}

result<endpoint> data_connections::reserve_for_backend(const net::stream& control) {
    opening_ = {};
    backend_port_ = {};
    const auto& local = control.local().address;
    auto reserved = gate_->inbound.ports().reserve(home_, local, control.peer().address);
    if (!reserved) return std::unexpected(reserved.error());
    backend_port_ = std::move(*reserved);
    return endpoint{local, backend_port_.port()};
}

firewall::opening data_connections::opening_at(proto::relay_leg leg, const endpoint& to, const net::stream& client,
                                               const net::stream& backend) const {
    const bool of_client = leg == proto::relay_leg::client;
    const auto& here = of_client ? client : backend;
    const auto& there = of_client ? backend : client;
    firewall::opening wanted{.client = here.peer().address,
                             .at = {here.local().address, (of_client ? client_port_ : backend_port_).port()},
                             .to = to,
                             .from = there.local().address};
    wanted.lifetime = gate_->config.data_connect;
    return wanted;
}

bool data_connections::use_opening(proto::relay_leg leg, firewall::lease opening) {
    auto& port = leg == proto::relay_leg::client ? client_port_ : backend_port_;
    if (!port) return false;
    opening_ = std::move(opening);
    port.lead_past(net::clock::now() + gate_->config.data_connect);
    return true;
}

// The gateway does not accept this connection, so no failed accept would show that it was never established.
std::optional<std::string> data_connections::opening_failure() {
    if (!opening_) return std::nullopt;
    const auto use = opening_.use();
    if (use == firewall::opening_use::established) return std::nullopt;
    const auto& o = opening_.what();
    const auto seen =
        use == firewall::opening_use::attempted
            ? fmt::format(
                  "connection requests from {} were forwarded to {}, and none was completed. A forward chain on this "
                  "machine probably drops them: it must accept 'ct status dnat', see \"Data by the kernel's NAT\" in "
                  "docs/gateway.md",
                  o.client.text(), o.to.text())
            : fmt::format(
                  "no connection request from {} arrived at {}. A firewall on the way probably drops them, or one on "
                  "this machine does before NAT",
                  o.client.text(), o.at.text());
    status::count(gate_->counters.data_never_came);
    opening_ = {};
    return fmt::format("no data connection was established within {} s: {}", gate_->config.data_connect.count(), seen);
}

proto::data_outcome data_connections::not_established() const {
    return {proto::data_end::not_established,
            fmt::format("No data connection was established within {} s.", gate_->config.data_connect.count())};
}

// ---- Transfers

std::shared_ptr<data_path> data_connections::relay(proto::relay_plan plan, data_terms terms) {
    if (client_port_) client_port_.begin(plan.protect_client);
    terms.must_resume = gate_->config.reuse == net::tls_reuse::require || (client_port_ && client_port_.by_tls());
    if (upload_limit_) terms.pace.a_to_b = &*upload_limit_;
    if (download_limit_) terms.pace.b_to_a = &*download_limit_;
    relay_ = std::make_shared<data_path>(gate_, home_, std::move(plan), std::move(client_port_), std::move(backend_port_),
                                         std::move(terms));
    return relay_;
}

void data_connections::release_ports() noexcept {
    client_port_ = {};
    backend_port_ = {};
    opening_ = {};
}

void data_connections::drop() noexcept {
    release_ports();
    if (const auto relay = std::exchange(relay_, nullptr)) relay->stop();
}

void data_connections::describe(status::session_report& into, const ip_address& client, const ip_address& backend) const {
    if (relay_) relay_->describe(into);
    if (opening_) {
        const auto& o = opening_.what();
        if (const auto left = opening_.left())
            into.openings.push_back({bool(backend_port_), o.at.port, o.client, left, o.to});
        return;
    }
    if (client_port_) into.openings.push_back({false, client_port_.port(), client, std::nullopt});
    if (backend_port_) into.openings.push_back({true, backend_port_.port(), backend, std::nullopt});
}

}  // namespace sallyport::gate
