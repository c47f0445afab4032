#include <sallyport/gate/data_connections.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <sallyport/gate/crossing.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::gate {
namespace {

[[nodiscard]] std::optional<token_bucket> make_bucket(std::uint64_t rate) {
    if (rate == 0) return std::nullopt;
    return token_bucket(static_cast<double>(rate), static_cast<double>(rate) / 10);
}

/// Why no data connection was established between the peers of an intercepted session.
[[nodiscard]] std::string crossing_failure(const firewall::opening& o, firewall::opening_use use) {
    if (use == firewall::opening_use::none)
        return fmt::format("no connection request from {} to {} arrived at this machine", o.client.text(), o.listen.text());
    return fmt::format(
        "connection requests from {} to {} arrived at this machine, and none was answered. A forward chain on this machine "
        "probably drops them: it must accept 'ct state related', see docs/router.md; or {} does not respond",
        o.client.text(), o.listen.text(), o.forward_to.address.text());
}

[[nodiscard]] std::chrono::milliseconds opening_lifetime(const settings& s) {
    return std::min<std::chrono::milliseconds>(s.data_timeout, firewall::max_opening_lifetime);
}

}  // namespace

data_connections::data_connections(std::shared_ptr<session_context> gate, net::loop& loop, log_sink log)
    : gate_(std::move(gate)),
      loop_(loop),
      log_(std::move(log)),
      upload_limit_(make_bucket(gate_->config.upload_rate)),
      download_limit_(make_bucket(gate_->config.download_rate)) {}

// ---- Negotiation

result<endpoint> data_connections::reserve_for_client(const reach::passive_request& client, bool extended) {
    opening_ = {};
    client_port_ = {};
    auto reserved = gate_->passive_data.reserve(client, extended);
    if (!reserved) return std::unexpected(reserved.error());
    client_port_ = std::move(reserved->reservation);
    return reserved->advertised;
}

result<endpoint> data_connections::reserve_for_backend(const net::stream& control) {
    opening_ = {};
    backend_port_ = {};
    const auto& local = control.local().address;
    auto reserved = gate_->passive_data.ports().reserve(loop_, local, control.peer().address);
    if (!reserved) return std::unexpected(reserved.error());
    backend_port_ = std::move(*reserved);
    return endpoint{local, backend_port_.port()};
}

firewall::opening data_connections::opening_at(proto::leg leg, const endpoint& to, const net::stream& client,
                                               const net::stream& backend) const {
    const bool of_client = leg == proto::leg::client;
    const auto& accepting = of_client ? client : backend;
    const auto& connecting = of_client ? backend : client;
    firewall::opening wanted{.client = accepting.peer().address,
                             .listen = {accepting.local().address, (of_client ? client_port_ : backend_port_).port()},
                             .forward_to = to,
                             .source = connecting.local().address};
    wanted.lifetime = opening_lifetime(gate_->config);
    return wanted;
}

bool data_connections::use_opening(proto::leg leg, firewall::opening_lease opening) {
    auto& port = leg == proto::leg::client ? client_port_ : backend_port_;
    if (!port) return false;
    opening_ = std::move(opening);
    opening_leg_ = leg;
    is_crossing_ = false;
    port.forward_in_kernel(net::clock::now() + gate_->config.data_timeout);
    return true;
}

result<firewall::opening> data_connections::plan_crossing(proto::leg leg, const std::optional<endpoint>& to,
                                                          const net::stream& client, const net::stream& backend) {
    note_abandoned_crossing();
    release_ports();
    if (to)
        return crossing_opening(leg, *to, {client.peer().address, backend.peer().address, backend.native_handle()},
                                *gate_->config.interception.machine, opening_lifetime(gate_->config));
    if (leg == proto::leg::client) return reserve_in_place_of_server(client);
    return fail(errc::unsupported, "where data are relayed, the server is connected to");
}

result<firewall::opening> data_connections::reserve_in_place_of_server(const net::stream& client) {
    const auto& from = client.peer().address;
    const auto own = net::own_address_for(from);
    if (!own) return std::unexpected(own.error());
    auto reserved = gate_->passive_data.ports().reserve(loop_, *own, from);
    if (!reserved) return std::unexpected(reserved.error());
    client_port_ = std::move(*reserved);
    const auto port = client_port_.port();
    firewall::opening wanted{
        .client = from, .listen = {client.local().address, port}, .forward_to = {*own, port}, .source = from};
    wanted.lifetime = opening_lifetime(gate_->config);
    return wanted;
}

void data_connections::use_crossing(proto::leg leg, firewall::opening_lease opening) {
    opening_ = std::move(opening);
    opening_leg_ = leg;
    is_crossing_ = true;
}

/// Called before an opening is replaced or removed. A client may connect before it sends RETR, and wait for that without
/// end, so no transfer would show the failure.
void data_connections::note_abandoned_crossing() const noexcept {
    if (!opening_ || !is_crossing_) return;
    try {
        const auto use = opening_.use();
        if (use != firewall::opening_use::attempted) return;
        status::count(gate_->counters.data_timeouts);
        log_(log::level::warning, "No data connection was established: " + crossing_failure(opening_.details(), use));
    } catch (...) {
        net::log_exception("gate: opening", std::current_exception());
    }
}

// The gateway does not accept this connection, so no failed accept would show that it was never established.
std::optional<std::string> data_connections::opening_failure() {
    if (!opening_) return std::nullopt;
    const auto use = opening_.use();
    if (use == firewall::opening_use::established) return std::nullopt;
    const auto& o = opening_.details();
    const auto cause =
        is_crossing_ ? crossing_failure(o, use)
        : use == firewall::opening_use::attempted
            ? fmt::format(
                  "connection requests from {} were forwarded to {}, and none was completed. A forward chain on this "
                  "machine probably drops them: it must accept 'ct state related', or 'ct status dnat', see \"Kernel "
                  "forwarding\" in "
                  "docs/gateway.md",
                  o.client.text(), o.forward_to.text())
            : fmt::format(
                  "no connection request from {} arrived at {}. A firewall on the way probably drops them, or one on "
                  "this machine does before NAT",
                  o.client.text(), o.listen.text());
    status::count(gate_->counters.data_timeouts);
    opening_ = {};
    return fmt::format("no data connection was established within {} s: {}", gate_->config.data_timeout.count(), cause);
}

proto::data_outcome data_connections::not_established() const {
    return {proto::data_result::not_established,
            fmt::format("No data connection was established within {} s.", gate_->config.data_timeout.count())};
}

// ---- Transfers

std::shared_ptr<data_relay> data_connections::start_relay(proto::relay_plan plan, data_relay_options options) {
    if (client_port_) client_port_.on_transfer_start(plan.protect_client);
    options.require_tls_session_reuse =
        gate_->config.tls_reuse == net::tls_reuse::require || (client_port_ && client_port_.identified_by_tls());
    options.tls_history = &tls_history_;
    if (upload_limit_) options.rate_limits.a_to_b = &*upload_limit_;
    if (download_limit_) options.rate_limits.b_to_a = &*download_limit_;
    relay_ = std::make_shared<data_relay>(gate_, loop_, std::move(plan), std::move(client_port_), std::move(backend_port_),
                                          std::move(options));
    return relay_;
}

void data_connections::release_ports() noexcept {
    client_port_ = {};
    backend_port_ = {};
    opening_ = {};
}

void data_connections::abort() noexcept {
    note_abandoned_crossing();
    release_ports();
    if (const auto relay = std::exchange(relay_, nullptr)) relay->stop();
}

void data_connections::describe(status::session_report& into, const ip_address& client, const ip_address& backend) const {
    if (relay_) relay_->describe(into);
    if (opening_) {
        const auto& o = opening_.details();
        if (const auto remaining = opening_.remaining())
            into.openings.push_back({opening_leg_ == proto::leg::backend, o.listen.port, o.client, remaining, o.forward_to});
        return;
    }
    if (client_port_) into.openings.push_back({false, client_port_.port(), client, std::nullopt});
    if (backend_port_) into.openings.push_back({true, backend_port_.port(), backend, std::nullopt});
}

}  // namespace sallyport::gate
