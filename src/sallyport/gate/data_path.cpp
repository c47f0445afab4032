#include <sallyport/gate/data_path.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/gate/transfer_report.hpp>

namespace sallyport::gate {

using proto::data_end;
using proto::data_outcome;

namespace {

[[nodiscard]] auto whole_seconds(std::chrono::milliseconds limit) {
    return std::chrono::duration_cast<std::chrono::seconds>(limit).count();
}

}  // namespace

data_path::data_path(std::shared_ptr<session_context> gate, net::loop& home, proto::relay_plan plan, reach::reservation port,
                     reach::reservation port_behind, data_terms terms)
    : gate_(std::move(gate)),
      home_(home),
      plan_(std::move(plan)),
      port_(std::move(port)),
      port_behind_(std::move(port_behind)),
      terms_(std::move(terms)),
      stall_({.window = gate_->config.data_stall, .bytes_per_second = gate_->config.stall_rate}),
      confirmed_(home),
      by_silence_(port_ && port_.by_silence()) {}

void data_path::client_met() {
    if (!std::exchange(met_, true) && terms_.client_met) terms_.client_met();
}

void data_path::stop() noexcept {
    stopped_ = true;
    ended_ = std::min(ended_, net::clock::now());
    if (port_) port_.cancel();
    if (port_behind_) port_behind_.cancel();
    confirmed_.set();
    client_.abort();
    backend_.abort();
}

net::task<data_outcome> data_path::run() {
    auto outcome = co_await join();
    ended_ = std::min(ended_, net::clock::now());
    co_return outcome;
}

// The backend first: it is near, and many servers say 150 only when their data connection is there. The client gets that 150
// when its own is there too. A client that is quicker waits in the reserved port's queue.
net::task<data_outcome> data_path::join() {
    const auto behind = co_await open_backend();
    if (stopped_) co_return data_outcome{data_end::aborted, {}};
    if (!behind) {
        client_met();
        co_return data_outcome{data_end::backend_unreachable, no_backend(behind.error()),
                               behind.error().code == errc::timeout};
    }

    // Clients that are known by their TLS begin it only after 150.
    if (port_ && port_.by_tls()) co_await tell_connected();
    const auto front = co_await open_client();
    if (stopped_) co_return data_outcome{data_end::aborted, {}};
    if (!front) {
        backend_.abort();  // not a FIN: an upload of nothing must not look complete
        auto outcome = no_client(front.error());
        outcome.timed_out = front.error().code == errc::timeout;
        co_return outcome;
    }

    const net::time_limit limit = stall_.limit();
    const auto flow = plan_.upload ? net::relay_flow::a_to_b : net::relay_flow::b_to_a;
    const auto may_end = plan_.upload ? terms_.upload_may_end : net::end_check();
    const auto outcome = co_await net::relay(client_, backend_, limit, counts_, flow, terms_.pace, may_end);
    port_ = {};
    port_behind_ = {};
    if (outcome.end == net::relay_end::complete) {
        net::close_in_order(std::move(client_));
        net::close_in_order(std::move(backend_));
        co_return data_outcome{data_end::complete, {}};
    }
    client_.abort();
    backend_.abort();
    switch (outcome.end) {
        case net::relay_end::b_failed:
            co_return data_outcome{data_end::backend_failed, "the server behind this gateway: " + outcome.cause.text()};
        case net::relay_end::stalled: co_return data_outcome{data_end::client_failed, stall_.text(), true};
        default: co_return data_outcome{data_end::client_failed, outcome.cause.text()};
    }
}

net::task<result<net::stream>> data_path::open_leg(const proto::leg_setup& setup, reach::reservation& port,
                                                   net::connect_options from, net::time_limit limit) {
    if (const auto* target = std::get_if<proto::leg_connects>(&setup)) {
        co_return co_await net::connect(home_, target->to, from, limit);
    }
    auto came = co_await port.wait(limit);
    if (!came) co_return std::unexpected(came.error());
    co_return net::stream(home_, std::move(came->socket), came->local, came->peer);
}

// Under TLS we are the client of the handshake whoever connected: the gateway is the backend's FTP client (RFC 4217).
net::task<result<void>> data_path::open_backend() {
    const auto limit = net::time_limit::within(plan_.connect_limit);
    auto opened = co_await open_leg(plan_.backend, port_behind_, net::connect_options(), limit);
    if (!opened) co_return std::unexpected(opened.error());
    if (stopped_) co_return fail(errc::cancelled);
    backend_ = std::move(*opened);
    if (!terms_.backend_header.empty()) {
        const auto sent = co_await backend_.write_all(terms_.backend_header, limit);
        if (!sent) co_return sent;
    }
    if (!plan_.protect_backend) co_return result<void>();
    co_return co_await backend_.connect_tls(*gate_->config.backend_tls, terms_.backend_tls, limit);
}

net::task<result<void>> data_path::open_client() {
    if (std::holds_alternative<proto::leg_connects>(plan_.client)) {
        // A passive client would be connected by now, and no byte would move: the same limit.
        const bool confirmed = co_await confirmed_.wait(net::clock::now() + plan_.begin_limit);
        if (!confirmed)
            co_return fail(errc::timeout,
                           fmt::format("the FTP server sent no reply within {} s", whole_seconds(plan_.begin_limit)));
    }
    if (stopped_) co_return fail(errc::cancelled);
    const auto limit = net::time_limit::within(plan_.connect_limit);
    const net::connect_options from{.bind_to = {terms_.local, 0}};
    auto opened = co_await open_leg(plan_.client, port_, from, limit);
    client_met();
    if (!opened) {
        const bool active = std::holds_alternative<proto::leg_connects>(plan_.client);
        if (opened.error().code != errc::cancelled)
            status::count(active ? gate_->counters.active_connects_failed : gate_->counters.data_never_came);
        co_return std::unexpected(opened.error());
    }
    if (stopped_) co_return fail(errc::cancelled);
    client_ = std::move(*opened);
    client_peer_ = client_.peer();
    co_await tell_connected();
    if (stopped_) co_return fail(errc::cancelled);
    if (!plan_.protect_client) co_return result<void>();
    co_return co_await protect_client();
}

net::task<> data_path::tell_connected() {
    if (const auto tell = std::exchange(terms_.connected, nullptr)) co_await tell(client_peer_);
}

net::task<result<void>> data_path::protect_client() {
    const auto reuse = gate_->config.reuse;
    // Where resumption is demanded the client needs a ticket from every connection, and must read it.
    const net::tls_accept_options options{.session_id_context = terms_.tls_id,
                                          .tickets = reuse == net::tls_reuse::require || !plan_.upload,
                                          .resumption = reuse != net::tls_reuse::off,
                                          .allow_missing_close_notify = plan_.upload && terms_.allow_missing_close_notify};
    const auto limit = net::time_limit::within(plan_.connect_limit);
    const auto shaken = co_await client_.accept_tls(*gate_->config.tls, options, limit);
    if (!shaken) co_return std::unexpected(shaken.error());
    if (terms_.must_resume && !client_.tls().resumed) {
        client_.abort();
        co_return fail(errc::tls_not_resumed, client_peer_.text());
    }
    co_return result<void>();
}

data_outcome data_path::no_client(const error& why) const {
    if (why.code == errc::tls_not_resumed) return {data_end::client_not_bound, why.text()};
    if (client_.is_open() || std::holds_alternative<proto::leg_connects>(plan_.client)) {
        return {data_end::client_never_came, why.text()};
    }
    if (why.code != errc::timeout) return {data_end::client_never_came, why.text()};
    return {data_end::client_never_came, nobody_came(port_)};
}

std::string data_path::no_backend(const error& why) const {
    const bool expected = port_behind_ && !backend_.is_open();
    return expected && why.code == errc::timeout ? nobody_came(port_behind_) : why.text();
}

std::string data_path::nobody_came(const reach::reservation& port) const {
    std::vector<std::string> strangers;
    for (const auto& address : port.strangers()) strangers.push_back(address.text());
    const auto wait = whole_seconds(plan_.connect_limit);
    if (strangers.empty()) return fmt::format("nobody connected within {} s", wait);
    return fmt::format("only strangers connected within {} s: {}", wait, fmt::join(strangers, ", "));
}

status::transfer_record data_path::record() const {
    auto r = record_of(plan_, std::min(ended_, net::clock::now()) - begun_);
    r.front.bytes = {.from = counts_.from_a, .to = counts_.b_to_a};
    r.behind.bytes = {.from = counts_.from_b, .to = counts_.a_to_b};
    return r;
}

void data_path::describe(status::session_report& into) const {
    using std::chrono::milliseconds;
    into.transfer = running(plan_, begun_);
    into.transfer->bytes = plan_.upload ? counts_.a_to_b : counts_.b_to_a;
    const auto left = std::max(milliseconds(0), plan_.connect_limit - into.transfer->age);
    if (port_ && !client_.is_open()) into.openings.push_back({false, port_.port(), terms_.client, left});
    if (port_behind_ && !backend_.is_open()) into.openings.push_back({true, port_behind_.port(), terms_.backend, left});
}

std::string data_path::summary() const {
    if (client_peer_.port == 0)
        return fmt::format("{} {}: no data connection with the client", proto::row_of(plan_.what).name,
                           escape(plan_.argument, 200));
    return fmt::format("{} {}: {} bytes {} {}", proto::row_of(plan_.what).name, escape(plan_.argument, 200),
                       plan_.upload ? counts_.a_to_b : counts_.b_to_a, plan_.upload ? "from" : "to", client_peer_.text());
}

}  // namespace sallyport::gate
