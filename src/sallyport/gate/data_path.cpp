#include <sallyport/gate/data_path.hpp>

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::gate {

using proto::data_end;
using proto::data_outcome;

data_path::data_path(std::shared_ptr<service> gate, net::loop& home, proto::relay_plan plan, reach::reservation port,
                     data_terms terms)
    : gate_(std::move(gate)),
      home_(home),
      plan_(std::move(plan)),
      port_(std::move(port)),
      terms_(std::move(terms)),
      confirmed_(home) {}

void data_path::stop() noexcept {
    stopped_ = true;
    if (port_) port_.cancel();
    confirmed_.set();
    client_.abort();
    backend_.abort();
}

// The backend first: it is near, and many servers say 150 only when the data connection stands, for which many clients
// wait before they connect. A client that is quicker waits in the reserved port's queue.
net::task<data_outcome> data_path::run() {
    const auto behind = co_await open_backend();
    if (stopped_) co_return data_outcome{data_end::aborted, {}};
    if (!behind) co_return data_outcome{data_end::backend_unreachable, behind.error().text()};

    const auto front = co_await open_client();
    if (stopped_) co_return data_outcome{data_end::aborted, {}};
    if (!front) {
        backend_.abort();  // not a FIN: an upload of nothing must not look complete
        co_return no_client(front.error());
    }

    const net::time_limit limit{.progress = gate_->config.data_stall};
    const auto flow = plan_.upload ? net::relay_flow::a_to_b : net::relay_flow::b_to_a;
    const auto outcome = co_await net::relay(client_, backend_, limit, counts_, flow);
    port_ = {};
    if (outcome.end == net::relay_end::complete) {
        client_.close();
        backend_.close();
        co_return data_outcome{data_end::complete, {}};
    }
    client_.abort();
    backend_.abort();
    switch (outcome.end) {
        case net::relay_end::b_failed:
            co_return data_outcome{data_end::backend_failed, "the server behind this gateway: " + outcome.cause.text()};
        case net::relay_end::stalled:
            co_return data_outcome{data_end::client_failed,
                                   fmt::format("no byte moved for {} s", gate_->config.data_stall.count())};
        default: co_return data_outcome{data_end::client_failed, outcome.cause.text()};
    }
}

net::task<result<void>> data_path::open_backend() {
    const auto& to = std::get<proto::leg_connects>(plan_.backend).to;
    const auto limit = net::time_limit::within(gate_->config.data_connect);
    auto connected = co_await net::connect(home_, to, net::connect_options(), limit);
    if (!connected) co_return std::unexpected(connected.error());
    if (stopped_) co_return fail(errc::cancelled);
    backend_ = std::move(*connected);
    if (!plan_.protect_backend) co_return result<void>();
    co_return co_await backend_.connect_tls(*gate_->config.backend_tls, terms_.backend_tls, limit);
}

net::task<result<void>> data_path::open_client() {
    const auto limit = net::time_limit::within(gate_->config.data_connect);
    if (const auto* target = std::get_if<proto::leg_connects>(&plan_.client)) {
        co_await confirmed_.wait(net::deadline::max());
        if (stopped_) co_return fail(errc::cancelled);
        const net::connect_options from{.bind_to = {terms_.local, 0}};
        auto connected = co_await net::connect(home_, target->to, from, limit);
        if (!connected) co_return std::unexpected(connected.error());
        if (stopped_) co_return fail(errc::cancelled);
        client_ = std::move(*connected);
    } else {
        auto came = co_await port_.wait(limit);
        if (!came) co_return std::unexpected(came.error());
        if (stopped_) co_return fail(errc::cancelled);
        client_ = net::stream(home_, std::move(came->socket), came->local, came->peer);
    }
    client_peer_ = client_.peer();
    if (!plan_.protect_client) co_return result<void>();
    co_return co_await protect_client();
}

net::task<result<void>> data_path::protect_client() {
    // Where resumption is demanded the client needs a ticket from every connection, and must read it.
    const net::tls_accept_options options{.session_id_context = terms_.tls_id,
                                          .tickets = gate_->config.require_tls_reuse || !plan_.upload};
    const auto limit = net::time_limit::within(gate_->config.data_connect);
    const auto shaken = co_await client_.accept_tls(*gate_->config.tls, options, limit);
    if (!shaken) co_return std::unexpected(shaken.error());
    if (gate_->config.require_tls_reuse && !client_.tls().resumed) {
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
    std::vector<std::string> strangers;
    for (const auto& address : port_.strangers()) strangers.push_back(address.text());
    const auto wait = gate_->config.data_connect.count();
    if (strangers.empty()) return {data_end::client_never_came, fmt::format("nobody connected within {} s", wait)};
    return {data_end::client_never_came,
            fmt::format("only strangers connected within {} s: {}", wait, fmt::join(strangers, ", "))};
}

std::string data_path::summary() const {
    return fmt::format("{} {}: {} bytes {} {}", proto::row_of(plan_.what).name, escape(plan_.argument, 200),
                       plan_.upload ? counts_.a_to_b : counts_.b_to_a, plan_.upload ? "from" : "to", client_peer_.text());
}

}  // namespace sallyport::gate
