#include <sallyport/gate/data_relay.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/frontend/failed_data.hpp>
#include <sallyport/gate/transfer_report.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/reach/tls_data_connection.hpp>

namespace sallyport::gate {

using proto::data_outcome;
using proto::data_result;

namespace {

// A backend refuses a transfer within this time. Its refusal ends the wait for the client as well, whose connection may
// still be on its way.
constexpr auto longest_refusal = std::chrono::seconds(3);

// A connection whose request, or the answer, was not lost is established within this time.
constexpr auto longest_connecting = std::chrono::seconds(1);

[[nodiscard]] auto in_seconds(std::chrono::milliseconds limit) {
    return std::chrono::duration_cast<std::chrono::seconds>(limit).count();
}

}  // namespace

data_relay::data_relay(std::shared_ptr<session_context> gate, net::loop& loop, proto::relay_plan plan,
                       reach::port_reservation client_port, reach::port_reservation backend_port, data_relay_options options)
    : gate_(std::move(gate)),
      loop_(loop),
      plan_(std::move(plan)),
      client_port_(std::move(client_port)),
      backend_port_(std::move(backend_port)),
      options_(std::move(options)),
      stall_({.window = gate_->config.stall_timeout, .bytes_per_second = gate_->config.stall_rate}),
      confirmed_(loop),
      identified_by_silence_(client_port_ && client_port_.identified_by_silence()) {}

void data_relay::end_client_wait() {
    if (!std::exchange(client_wait_ended_, true) && options_.client_wait_ended) options_.client_wait_ended();
}

void data_relay::stop() noexcept {
    stopped_ = true;
    ended_at_ = std::min(ended_at_, net::clock::now());
    if (client_port_) client_port_.cancel();
    if (backend_port_) backend_port_.cancel();
    confirmed_.set();
    client_.abort();
    backend_.abort();
}

net::task<data_outcome> data_relay::run() {
    auto outcome = co_await connect_and_relay();
    ended_at_ = std::min(ended_at_, net::clock::now());
    co_return outcome;
}

// The backend leg first: the backend is near, and many servers send 150 only when their data connection is established. The
// client gets that 150 when its own data connection is established too. If the client connects earlier, its connection waits
// in the queue of the reserved port.
net::task<data_outcome> data_relay::connect_and_relay() {
    const auto backend_result = co_await open_backend_leg();
    if (stopped_) co_return data_outcome{data_result::aborted, {}};
    if (!backend_result) {
        end_client_wait();
        co_return data_outcome{data_result::backend_connect_failed, backend_failure_text(backend_result.error()),
                               backend_result.error().code == errc::timeout};
    }

    // Clients that are identified by their TLS session start TLS only after the 150.
    if (client_port_ && client_port_.identified_by_tls()) co_await notify_connected();
    const auto client_result = co_await open_client_leg();
    if (stopped_) co_return data_outcome{data_result::aborted, {}};
    if (!client_result) {
        // By RST, not FIN: an upload without data must not look complete.
        backend_.abort();
        auto outcome = client_outcome(client_result.error());
        outcome.timed_out = client_result.error().code == errc::timeout;
        co_return outcome;
    }

    const net::time_limit limit = stall_.limit();
    const auto flow = plan_.upload ? net::relay_flow::a_to_b : net::relay_flow::b_to_a;
    const auto end_check = plan_.upload ? options_.check_upload_end : net::end_check();
    const auto outcome = co_await net::relay(client_, backend_, limit, counts_, flow, options_.rate_limits, end_check);
    client_port_ = {};
    backend_port_ = {};
    if (outcome.result == net::relay_result::complete) {
        net::close_gracefully(std::move(client_));
        net::close_gracefully(std::move(backend_));
        co_return data_outcome{data_result::complete, {}};
    }
    client_.abort();
    backend_.abort();
    switch (outcome.result) {
        case net::relay_result::b_failed:
            co_return data_outcome{data_result::backend_failed, "the FTP server: " + outcome.cause.text()};
        case net::relay_result::stalled: co_return data_outcome{data_result::client_failed, stall_.text(), true};
        default: co_return data_outcome{data_result::client_failed, outcome.cause.text()};
    }
}

net::task<result<net::stream>> data_relay::open_leg(const proto::leg_setup& setup, reach::port_reservation& port,
                                                    net::connect_options from, net::time_limit limit) {
    if (const auto* target = std::get_if<proto::connect_to>(&setup)) {
        co_return co_await net::connect(loop_, target->to, from, limit);
    }
    auto accepted = co_await port.wait(limit);
    if (!accepted) co_return std::unexpected(accepted.error());
    co_return net::stream(loop_, std::move(accepted->socket), accepted->local, accepted->peer);
}

/// With the address of the control connection: many servers refuse data connections of others than its peer.
net::task<result<net::stream>> data_relay::connect_backend(net::time_limit limit) {
    const auto* target = std::get_if<proto::connect_to>(&plan_.backend);
    if (target == nullptr || !options_.make_backend_socket)
        co_return co_await open_leg(plan_.backend, backend_port_, net::connect_options(), limit);
    auto socket = options_.make_backend_socket();
    if (!socket) co_return std::unexpected(std::move(socket).error());
    co_return co_await net::connect_socket(loop_, std::move(*socket), target->to, nullptr, limit);
}

// In either mode the gateway is the TLS client, since it is the FTP client of the backend (RFC 4217).
net::task<result<void>> data_relay::open_backend_leg() {
    const auto limit = net::time_limit::within(plan_.connect_limit);
    auto opened = co_await connect_backend(limit);
    if (stopped_) co_return fail(errc::cancelled);
    if (!opened) {
        note_backend_failure(opened.error());
        co_return std::unexpected(opened.error());
    }
    backend_ = std::move(*opened);
    backend_connected_ = true;
    if (!options_.backend_header.empty()) {
        const auto sent = co_await backend_.write_all(options_.backend_header, limit);
        if (!sent) co_return sent;
    }
    if (!plan_.protect_backend) co_return result<void>();
    co_return co_await backend_.connect_tls(*gate_->config.backend_tls, options_.backend_tls, limit);
}

net::task<result<void>> data_relay::open_client_leg() {
    if (std::holds_alternative<proto::connect_to>(plan_.client)) {
        // The limit is that of a stalled transfer: a passive client would be connected by now, without progress.
        const bool confirmed = co_await confirmed_.wait(net::clock::now() + plan_.start_limit);
        if (!confirmed)
            co_return fail(errc::timeout,
                           fmt::format("the FTP server sent no reply within {} s", in_seconds(plan_.start_limit)));
    }
    if (stopped_) co_return fail(errc::cancelled);
    const auto limit = net::time_limit::within(plan_.connect_limit);
    const net::connect_options from{.bind_to = {options_.local, 0}};
    auto opened = co_await open_leg(plan_.client, client_port_, from, limit);
    end_client_wait();
    if (!opened) {
        const bool active = std::holds_alternative<proto::connect_to>(plan_.client);
        if (opened.error().code == errc::cancelled) {
            if (net::clock::now() - started_at_ > longest_refusal) note_client_failure(diagnosis::data_failure::abandoned);
        } else {
            status::count(active ? gate_->counters.active_connects_failed : gate_->counters.data_timeouts);
            if (active)
                note_client_failure(frontend::failure_of(opened.error()), opened.error().text());
            else if (opened.error().code == errc::timeout)
                note_client_failure(diagnosis::data_failure::not_arrived);
        }
        co_return std::unexpected(opened.error());
    }
    if (stopped_) co_return fail(errc::cancelled);
    if (client_port_) gate_->counters.times.data_connections.add(client_port_.arrived_after());
    client_ = std::move(*opened);
    client_peer_ = client_.peer();
    co_await notify_connected();
    if (stopped_) co_return fail(errc::cancelled);
    if (plan_.protect_client) co_return co_await start_client_tls();
    if (client_port_ && client_port_.collects()) client_port_.stop_accepting();
    co_return result<void>();
}

net::task<> data_relay::notify_connected() {
    if (const auto notify = std::exchange(options_.on_connected, nullptr)) co_await notify(client_peer_);
}

net::task<result<void>> data_relay::start_client_tls() {
    const auto reuse = gate_->config.tls_reuse;
    // If TLS session reuse is required, the client needs a ticket from every connection, and has to read it.
    const net::tls_accept_options options{.session_id_context = options_.tls_session_context,
                                          .tickets = reuse == net::tls_reuse::require || !plan_.upload,
                                          .resumption = reuse != net::tls_reuse::off,
                                          .allow_missing_close_notify = plan_.upload && options_.allow_missing_close_notify,
                                          .signatures = &gate_->signatures};
    const auto handshake = co_await accept_client_tls(options);
    if (!handshake) co_return std::unexpected(handshake.error());
    status::count(gate_->counters.data_tls_handshakes);
    if (client_.tls().resumed) status::count(gate_->counters.data_tls_resumed);
    if (options_.require_tls_session_reuse && !client_.tls().resumed) {
        client_.abort();
        note_client_failure(diagnosis::data_failure::not_resumed, "from port " + std::to_string(client_peer_.port));
        co_return fail(errc::tls_not_resumed, client_peer_.text());
    }
    co_return result<void>();
}

net::task<result<void>> data_relay::accept_client_tls(const net::tls_accept_options& options) {
    if (!client_port_ || !client_port_.collects()) {
        const auto limit = net::time_limit::within(plan_.connect_limit);
        const auto done = co_await client_.accept_tls(*gate_->config.tls, options, limit);
        if (done && client_.tls().resumed) options_.tls_history->resumed();
        co_return done;
    }
    const reach::tls_data_request request{.context = *gate_->config.tls,
                                          .accept = options,
                                          .history = *options_.tls_history,
                                          .round_trip = options_.round_trip,
                                          .timeout = plan_.connect_limit};
    auto chosen = co_await reach::accept_tls_data(client_port_, std::move(client_), request);
    if (!chosen) co_return std::unexpected(std::move(chosen.error()));
    if (stopped_) co_return fail(errc::cancelled);
    status::count(gate_->counters.unexpected_peers, chosen->others);
    client_ = std::move(chosen->stream);
    client_peer_ = client_.peer();
    co_return result<void>();
}

data_outcome data_relay::client_outcome(const error& cause) const {
    if (cause.code == errc::tls_not_resumed) return {data_result::tls_session_not_reused, cause.text()};
    const bool connected = client_peer_.port != 0;
    if (connected || std::holds_alternative<proto::connect_to>(plan_.client)) {
        return {data_result::client_timeout, cause.text()};
    }
    if (cause.code != errc::timeout) return {data_result::client_timeout, cause.text()};
    return {data_result::client_timeout, no_connection_text(client_port_)};
}

void data_relay::note_client_failure(diagnosis::data_failure how, std::string detail) {
    failure_ = diagnosis::failed_data{.how = how,
                                      .method = plan_.client_method,
                                      .peer = options_.client,
                                      .transfer = transfer_text(plan_),
                                      .address = options_.advertised,
                                      .waited = frontend::waited_since(started_at_),
                                      .detail = std::move(detail)};
    if (client_port_) failure_->others = client_port_.unexpected_peers();
    if (const auto* target = std::get_if<proto::connect_to>(&plan_.client)) failure_->address = target->to;
}

void data_relay::note_backend_failure(const error& why) {
    if (std::holds_alternative<proto::connect_to>(plan_.backend)) {
        // That is a fault of this host, which the error names.
        if (!frontend::is_bind_failure(why)) failure_ = on_backend_leg(frontend::failure_of(why), why.text());
    } else if (why.code == errc::timeout) {
        failure_ = on_backend_leg(diagnosis::data_failure::not_arrived, {});
    }
}

std::optional<diagnosis::failed_data> data_relay::without_backend_connection() const {
    // One that the gateway makes takes a moment. Until then the backend's reply is about something else.
    const bool connects = std::holds_alternative<proto::connect_to>(plan_.backend);
    if (backend_connected_ || (connects && frontend::waited_since(started_at_) < longest_connecting)) return std::nullopt;
    return on_backend_leg(diagnosis::data_failure::abandoned, {});
}

diagnosis::failed_data data_relay::on_backend_leg(diagnosis::data_failure how, std::string detail) const {
    diagnosis::failed_data seen{.how = how,
                                .method = plan_.backend_method,
                                .on_backend_leg = true,
                                .peer = options_.backend,
                                .transfer = transfer_text(plan_),
                                .waited = frontend::waited_since(started_at_),
                                .detail = std::move(detail)};
    if (const auto* target = std::get_if<proto::connect_to>(&plan_.backend)) seen.address = target->to;
    if (!backend_port_) return seen;
    seen.others = backend_port_.unexpected_peers();
    seen.address = {options_.local_to_backend, backend_port_.port()};
    return seen;
}

std::string data_relay::backend_failure_text(const error& cause) const {
    const bool expected = backend_port_ && !backend_.is_open();
    return expected && cause.code == errc::timeout ? no_connection_text(backend_port_) : cause.text();
}

std::string data_relay::no_connection_text(const reach::port_reservation& port) const {
    std::vector<std::string> unexpected;
    for (const auto& address : port.unexpected_peers()) unexpected.push_back(address.text());
    const auto wait = in_seconds(plan_.connect_limit);
    if (unexpected.empty()) return fmt::format("none arrived on port {} within {} s", port.port(), wait);
    return fmt::format("none from the expected address arrived on port {} within {} s; others came from {}", port.port(),
                       wait, fmt::join(unexpected, ", "));
}

status::transfer_record data_relay::record() const {
    auto r = record_of(plan_, std::min(ended_at_, net::clock::now()) - started_at_);
    r.client_leg.bytes = {.received = counts_.received_from_a, .sent = counts_.b_to_a};
    r.backend_leg.bytes = {.received = counts_.received_from_b, .sent = counts_.a_to_b};
    return r;
}

void data_relay::describe(status::session_report& into) const {
    using std::chrono::milliseconds;
    into.transfer = running(plan_, started_at_);
    into.transfer->bytes = plan_.upload ? counts_.a_to_b : counts_.b_to_a;
    const auto remaining = std::max(milliseconds(0), plan_.connect_limit - into.transfer->age);
    if (client_port_ && !client_.is_open())
        into.openings.push_back({false, client_port_.port(), options_.client, remaining});
    if (backend_port_ && !backend_.is_open())
        into.openings.push_back({true, backend_port_.port(), options_.backend, remaining});
}

std::string data_relay::summary() const {
    if (client_peer_.port == 0)
        return fmt::format("{} {}: no data connection with the client", proto::row_of(plan_.command).name,
                           escape(plan_.argument, 200));
    return fmt::format("{} {}: {} bytes {} {} ({})", proto::row_of(plan_.command).name, escape(plan_.argument, 200),
                       plan_.upload ? counts_.a_to_b : counts_.b_to_a, plan_.upload ? "from" : "to", client_peer_.text(),
                       proto::name(plan_.client_method));
}

}  // namespace sallyport::gate
