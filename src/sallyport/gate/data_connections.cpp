#include <sallyport/gate/data_connections.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/firewall/conntrack.hpp>
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

// TCP sends a connection request that is not answered again after this time.
constexpr auto first_retransmission = std::chrono::seconds(1);

// An opening lasts longer than a transfer waits for its connection. Where the gateway holds the port, a connection request
// that arrived in between would be accepted, and then reset: a server that sends little would take that for a transfer, and
// reply 226.
constexpr auto after_the_wait = std::chrono::seconds(1);

}  // namespace

data_connections::data_connections(std::shared_ptr<session_context> gate, net::loop& loop, log_sink log)
    : gate_(std::move(gate)),
      loop_(loop),
      log_(std::move(log)),
      upload_limit_(make_bucket(gate_->config.upload_rate)),
      download_limit_(make_bucket(gate_->config.download_rate)) {}

// ---- SITE DOCTOR

proto::site_doctor_facts data_connections::known(const proto::relay_machine& machine, const client_control& client) const {
    auto arrived = frontend::sources_at(client_port_, history_.last_peer);
    return {machine.negotiation().doctor_session(client.peer(), std::move(arrived)), history_.doctor.others()};
}

void data_connections::show_to_doctor(const proto::relay_machine& machine, const client_control& client,
                                      const backend_leg& backend) {
    if (!gate_->config.site_doctor) return;
    if (!machine.login().logged_in() || !backend.server) return history_.doctor.withdraw();
    history_.doctor.publish({client.peer().address, backend.server.name(), machine.login().user()},
                            known(machine, client).own);
}

// ---- Negotiation

result<reserved_port> data_connections::reserve(const proto::relay_act::reserve_port& wanted, client_control& client,
                                                backend_leg& backend) {
    const bool for_client = wanted.on == proto::leg::client;
    if (for_client) report_failed_data(frontend::abandoned(history_.offer, client_port_));
    auto out = client.interception() != nullptr ? reserve_crossing(wanted, client.stream(), backend)
               : for_client                     ? reserve_for_client(client.passive_caller(wanted.protect), wanted.extended)
                                                : reserve_for_backend(backend.stream);
    if (out && wanted.to && out->route == port_route::accepted) {
        const auto& accepting = for_client ? client.stream() : backend.stream;
        const auto& connecting = for_client ? backend.stream : client.stream();
        out->route = port_route::forwarded;
        out->opening = {.client = accepting.peer().address,
                        .listen = {accepting.local().address, port_of(wanted.on).port()},
                        .forward_to = *wanted.to,
                        .source = connecting.local().address};
    }
    if (out) reserved_ = *out;
    if (for_client) {
        const auto method = wanted.extended ? proto::data_method::epsv : proto::data_method::pasv;
        history_.offer.reset();
        if (out) history_.offer = {method, out->advertised, client.peer().address};
        if (out) history_.advertised = out->advertised;
    }
    if (!out) report_no_port(wanted, client, out.error());
    opened_at_ = net::clock::now();
    return out;
}

void data_connections::report_no_port(const proto::relay_act::reserve_port& wanted, const client_control& client,
                                      const error& why) const {
    std::optional<diagnosis::failed_data> seen;
    const auto method = wanted.extended ? proto::data_method::epsv : proto::data_method::pasv;
    if (wanted.on == proto::leg::client) seen = frontend::no_port(method, client.peer().address, why);
    if (seen) return report_failed_data(seen);
    if (client.interception() != nullptr) log_not_open(why);
}

result<reserved_port> data_connections::reserve_for_client(const reach::passive_request& client, bool extended) {
    end_opening(established_);
    client_port_ = {};
    auto reserved = gate_->passive_data.reserve(client, extended);
    if (!reserved) return std::unexpected(std::move(reserved).error());
    client_port_ = std::move(reserved->reservation);
    return reserved_port{reserved->advertised};
}

/// At the local address of the control connection.
result<reserved_port> data_connections::reserve_for_backend(const net::stream& control) {
    end_opening(established_);
    backend_port_ = {};
    const auto& local = control.local().address;
    auto reserved = gate_->passive_data.ports().reserve(loop_, local, control.peer().address);
    if (!reserved) return std::unexpected(std::move(reserved).error());
    backend_port_ = std::move(*reserved);
    return reserved_port{{local, backend_port_.port()}};
}

result<reserved_port> data_connections::reserve_crossing(const proto::relay_act::reserve_port& wanted,
                                                         const net::stream& client, backend_leg& backend) {
    note_abandoned_crossing();
    release_ports();
    const bool for_client = wanted.on == proto::leg::client;
    if (!wanted.to && for_client) return reserve_in_place_of_server(client, wanted.backend_port);
    if (!wanted.to) return fail(errc::unsupported, "relayed data: the gateway connects to the server");
    // It does not change as long as the control connection lives.
    if (!for_client && !backend.translated) {
        const auto seen = gate_->config.interception.machine->translated_address(backend.stream.native_handle());
        if (!seen) return std::unexpected(not_open(seen.error()));
        backend.translated = *seen;
    }
    const crossing_peers peers{client.peer().address, backend.stream.peer().address,
                               backend.translated.value_or(ip_address())};
    auto planned = plan_crossing(wanted.on, *wanted.to, peers, gate_->base->translated);
    if (!planned) return std::unexpected(not_open(planned.error()));
    translated_port_ = std::move(planned->port);
    return reserved_port{planned->opening.listen, port_route::crossing, planned->opening};
}

// The gateway's own connection to the server has the client's address. With the same port number the kernel would take it
// for the client's, and forward it to this machine.
result<reserved_port> data_connections::reserve_in_place_of_server(const net::stream& client, std::uint16_t backend_port) {
    const auto& from = client.peer().address;
    const auto own = net::own_address_for(from);
    if (!own) return std::unexpected(not_open(own.error()));
    auto& ports = gate_->passive_data.ports();
    auto reserved = ports.reserve(loop_, *own, from);
    // The client is given another port as long as the first one is reserved for it.
    if (reserved && reserved->port() == backend_port) {
        auto other = ports.reserve(loop_, *own, from);
        reserved = std::move(other);
    }
    // The ports have counted it.
    if (!reserved) return std::unexpected(std::move(reserved).error());
    client_port_ = std::move(*reserved);
    const auto port = client_port_.port();
    const endpoint at_server{client.local().address, port};
    return reserved_port{at_server,
                         port_route::redirected,
                         {.client = from, .listen = at_server, .forward_to = {*own, port}, .source = from}};
}

net::task<result<firewall::opening_lease>> data_connections::make_opening(firewall::opening wanted,
                                                                          const client_control& client,
                                                                          const backend_leg& backend) {
    wanted.lifetime =
        std::min<std::chrono::milliseconds>(gate_->config.data_timeout + after_the_wait, firewall::max_opening_lifetime);
    const auto limit = net::time_limit::within(limits::opening_timeout);
    const firewall::control_connections session{.client = client.stream().native_handle(),
                                                .backend = backend.stream.native_handle()};
    co_return co_await gate_->kernel_openings->open(loop_, std::move(wanted), session, limit);
}

net::task<result<opened_port>> data_connections::open(proto::leg leg, const client_control& client,
                                                      const backend_leg& backend) {
    auto reserved = std::exchange(reserved_, std::nullopt);
    if (!reserved) co_return fail(errc::cancelled, "the port was released");
    auto port = std::move(*reserved);
    if (port.route == port_route::accepted) co_return opened_port{port.advertised};
    auto got = co_await make_opening(port.opening, client, backend);
    if (!got && got.error().os == firewall::no_expectation_left && port.route == port_route::crossing &&
        leg == proto::leg::client) {
        log_not_open(got.error());
        auto other = reserve_in_place_of_server(client.stream(), port.opening.forward_to.port);
        if (!other) log_not_open(other.error());
        if (!other) co_return std::unexpected(std::move(other).error());
        port = std::move(*other);
        port.opening.needs_expectation = false;
        log_(log::level::info, "Relaying the data connection; the firewall rules of this machine must accept it");
        got = co_await make_opening(port.opening, client, backend);
        if (got) status::count(gate_->counters.ports_exhausted);
    }
    if (got) {
        // The other routes have a port of this process, which is counted.
        if (port.route == port_route::crossing) status::count(gate_->counters.openings_expected);
        const bool in_use = use_opening(leg, port.route, std::move(*got));
        co_return opened_port{port.advertised, in_use && port.route != port_route::redirected};
    }
    if (port.route != port_route::forwarded) {
        log_not_open(got.error());
        co_return std::unexpected(not_open(got.error()));
    }
    status::count(gate_->counters.openings_refused_kernel);
    log_(log::level::info,
         fmt::format("Relaying the data connection; kernel forwarding is not possible: {}", got.error().text()));
    co_return opened_port{port.advertised};
}

/// Counts that the session needs an opening that is not possible.
error data_connections::not_open(error reason) {
    status::count(gate_->counters.ports_exhausted);
    status::count(gate_->counters.openings_refused_kernel);
    return reason;
}

void data_connections::log_not_open(const error& reason) const {
    log_(log::level::warning, fmt::format("No opening for the data connection: {}", reason.text()));
}

/// False if its port was released meanwhile.
bool data_connections::use_opening(proto::leg leg, port_route route, firewall::opening_lease opening) {
    if (route == port_route::forwarded) {
        auto& port = port_of(leg);
        if (!port) return false;
        port.forward_in_kernel(net::clock::now() + gate_->config.data_timeout + after_the_wait);
    }
    opening_ = std::move(opening);
    opened_at_ = net::clock::now();
    opening_leg_ = leg;
    opening_route_ = route;
    established_ = false;
    return true;
}

// A client may be about to complete its connection. A server begins to connect when it has the command.
bool data_connections::must_renew() const {
    if (!opening_ || net::clock::now() < opened_at_ + after_the_wait / 2) return false;
    const auto use = opening_.use();
    return use == firewall::opening_use::none ||
           (use == firewall::opening_use::attempted && opening_leg_ == proto::leg::backend);
}

net::task<std::optional<failed_opening>> data_connections::renew(const client_control& client, const backend_leg& backend) {
    const auto wanted = opening_.details();
    reserved_ = reserved_port{wanted.listen, opening_route_, wanted};
    // The removal and the new opening become one transaction.
    opening_ = {};
    auto got = co_await make_opening(wanted, client, backend);
    if (!std::exchange(reserved_, std::nullopt)) co_return std::nullopt;
    if (got) {
        (void)use_opening(opening_leg_, opening_route_, std::move(*got));
        co_return std::nullopt;
    }
    const auto why = not_open(std::move(got).error());
    if (is_counted()) status::count(gate_->counters.openings_expired);
    co_return failed_opening{
        {proto::data_result::not_established, "No data connection can be forwarded now; try again later."},
        fmt::format("the opening for the data connection has ended, and a new one is not possible: {}", why.text())};
}

/// Called before an opening is replaced or removed. A client may connect before it sends RETR, and wait for that without
/// end, so no transfer would show the failure. A client that has not even sent its connection request twice does not wait
/// for it, and the kernel need not be asked.
void data_connections::note_abandoned_crossing() const noexcept {
    if (!opening_ || !is_crossing() || established_ || net::clock::now() < opened_at_ + first_retransmission) return;
    try {
        const auto use = opening_.use();
        if (use != firewall::opening_use::attempted) return;
        status::count(gate_->counters.data_timeouts);
        const auto cause = crossing_failure(opening_.details(), use);
        // A backend connects only when it has the transfer command.
        const auto seen = opening_leg_ == proto::leg::client ? failed_through(opening_.details(), use, cause) : std::nullopt;
        if (seen) return report_failed_data(seen);
        log_(log::level::warning, "No data connection was established: " + cause);
    } catch (...) {
        net::log_exception("gate: opening", std::current_exception());
    }
}

// The gateway does not accept this connection, so no failed accept would show that it was never established, and no reset
// that it is lost.
std::optional<failed_opening> data_connections::opening_failure() {
    if (!opening_) return std::nullopt;
    const auto use = opening_.use();
    established_ = established_ || use == firewall::opening_use::established;
    if (use == firewall::opening_use::unknown || (established_ && use != firewall::opening_use::lost)) return std::nullopt;
    const auto o = opening_.details();
    end_opening(established_);
    if (use == firewall::opening_use::lost)
        return failed_opening{
            {proto::data_result::path_lost, "the router no longer knows the data connection; try again."},
            fmt::format(
                "the kernel of this machine has forgotten the data connection from {} to {}: its entries were deleted "
                "(conntrack -F), or the address of an interface has changed",
                o.client.text(), o.listen.text())};
    status::count(gate_->counters.data_timeouts);
    const auto limit = gate_->config.data_timeout.count();
    const auto cause = cause_of_failure(o, use);
    return failed_opening{
        {proto::data_result::not_established, fmt::format("No data connection was established within {} s.", limit)},
        fmt::format("no data connection was established within {} s: {}", limit, cause),
        failed_through(o, use, cause)};
}

std::optional<failed_opening> data_connections::end_bypassing(int reply) {
    std::optional<failed_opening> out;
    const bool missing = reply == 425 && opening_ && !established_;
    const auto use = missing ? opening_.use() : firewall::opening_use::unknown;
    if (use == firewall::opening_use::none || use == firewall::opening_use::attempted) {
        const auto cause = cause_of_failure(opening_.details(), use);
        out = {{proto::data_result::refused, {}},
               fmt::format("the backend reports that there is no data connection: {}", cause),
               failed_through(opening_.details(), use, cause)};
    }
    end_opening(!missing);
    release_ports();
    return out;
}

/// Removes the opening, if there is one.
void data_connections::end_opening(bool used) noexcept {
    if (opening_ && is_counted()) status::count(used ? gate_->counters.openings_used : gate_->counters.openings_expired);
    opening_ = {};
}

/// REQUIRES: `use` is `none` or `attempted`.
std::string data_connections::cause_of_failure(const firewall::opening& o, firewall::opening_use use) const {
    if (is_crossing()) return crossing_failure(o, use);
    if (use == firewall::opening_use::attempted)
        return fmt::format(
            "connection requests from {} were forwarded to {}, and none was completed. A forward chain on this machine "
            "probably drops them: it must accept 'ct state related', or 'ct status dnat', see \"Kernel forwarding\" in "
            "docs/gateway.md",
            o.client.text(), o.forward_to.text());
    return fmt::format(
        "no connection request from {} arrived at {}. A firewall on the way probably drops them, or one on this machine "
        "does before NAT",
        o.client.text(), o.listen.text());
}

/// Nothing if the client is not to connect to a port that it was given.
std::optional<diagnosis::failed_data> data_connections::failed_through(const firewall::opening& o, firewall::opening_use use,
                                                                       std::string cause) const {
    using enum diagnosis::data_failure;
    diagnosis::failed_data seen{.how = use == firewall::opening_use::attempted ? unanswered : not_arrived,
                                .on_backend_leg = opening_leg_ == proto::leg::backend,
                                .peer = o.client,
                                .address = o.listen,
                                .waited = frontend::waited_since(opened_at_),
                                .detail = std::move(cause)};
    if (seen.on_backend_leg) return seen;
    if (!history_.offer) return std::nullopt;
    seen.method = history_.offer->method;
    seen.peer = history_.offer->client;
    seen.address = history_.offer->advertised;
    return seen;
}

void data_connections::report_failed_data(const std::optional<diagnosis::failed_data>& seen) const {
    if (seen) log_(log::level::warning, frontend::count_failed_data(gate_->failed_data, *seen));
}

// ---- Transfers

std::shared_ptr<data_relay> data_connections::start_relay(proto::relay_plan plan, data_relay_options options) {
    if (client_port_) client_port_.on_transfer_start(plan.protect_client);
    options.require_tls_session_reuse =
        gate_->config.tls_reuse == net::tls_reuse::require || (client_port_ && client_port_.identified_by_tls());
    options.tls_history = &tls_history_;
    if (const auto offer = std::exchange(history_.offer, std::nullopt)) options.advertised = offer->advertised;
    if (upload_limit_) options.rate_limits.a_to_b = &*upload_limit_;
    if (download_limit_) options.rate_limits.b_to_a = &*download_limit_;
    relay_ = std::make_shared<data_relay>(gate_, loop_, std::move(plan), std::move(client_port_), std::move(backend_port_),
                                          std::move(options));
    return relay_;
}

void data_connections::release_ports() noexcept {
    client_port_ = {};
    backend_port_ = {};
    history_.offer.reset();
    reserved_.reset();
    end_opening(established_);
    translated_port_ = {};
}

void data_connections::abort() noexcept {
    note_abandoned_crossing();
    release_ports();
    if (const auto relay = std::exchange(relay_, nullptr)) relay->stop();
}

void data_connections::leave(bool by_client) {
    if (by_client) report_failed_data(frontend::abandoned(history_.offer, client_port_));
    abort();
}

void data_connections::describe(status::session_report& into, const ip_address& client, const ip_address& backend) const {
    if (relay_) relay_->describe(into);
    into.advertised = history_.advertised;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - opened_at_);
    if (opening_) {
        const auto& o = opening_.details();
        if (const auto remaining = opening_.remaining())
            into.openings.push_back({opening_leg_ == proto::leg::backend, o.listen.port, o.client, remaining, o.forward_to,
                                     age, opening_.use() == firewall::opening_use::attempted});
        return;
    }
    if (client_port_) into.openings.push_back({false, client_port_.port(), client, std::nullopt, std::nullopt, age});
    if (backend_port_) into.openings.push_back({true, backend_port_.port(), backend, std::nullopt, std::nullopt, age});
}

}  // namespace sallyport::gate
