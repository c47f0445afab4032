#include <sallyport/reach/tls_data_connection.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::reach {
namespace {

using state = connection_choice::state;

struct held_connection {
    held_connection(net::loop& l, net::stream s) : stream(std::move(s)), decided(l) {}

    net::stream stream;
    // Set once `admitted` is final.
    net::event decided;
    bool admitted = false;
    // The handshake has ended.
    bool finished = false;
};

/// Shared by accept_tls_data() and the handshakes, which end soon after it has closed their streams.
struct data_connections {
    data_connections(const port_reservation& port, const tls_data_request& request)
        : changed(port.changed()),
          context(request.context),
          options(request.accept),
          timeout(request.timeout),
          choice(net::clock::now(), request.history.hold_time(request.round_trip)) {}

    std::shared_ptr<net::event> changed;
    const net::tls_server_context context;
    const net::tls_accept_options options;
    const net::clock::duration timeout;
    connection_choice choice;
    std::vector<std::unique_ptr<held_connection>> all;
    std::optional<error> first_failure;
};

using shared = std::shared_ptr<data_connections>;

net::task<bool> wait_for_admission(shared d, std::size_t number) {
    held_connection& own = *d->all[number];
    d->choice.set(number, state::new_session);
    d->changed->set();
    co_await own.decided.wait(net::deadline::max());
    co_return own.admitted;
}

net::task<> shake_hands(shared d, std::size_t number) {
    held_connection& own = *d->all[number];
    try {
        net::tls_accept_options options = d->options;
        options.admit_new_session = std::bind_front(wait_for_admission, d, number);
        const net::time_limit limit = net::time_limit::within(d->timeout);
        const result<void> done = co_await own.stream.accept_tls(d->context, options, limit);
        if (!done && !d->first_failure) d->first_failure = done.error();
        if (!done)
            d->choice.set(number, state::failed);
        else if (own.stream.tls().resumed)
            d->choice.set(number, state::resumed);
    } catch (...) {
        net::log_exception("TLS on a data connection", std::current_exception());
        if (!d->first_failure) d->first_failure = fail_without_memory().error();
        d->choice.set(number, state::failed);
    }
    own.finished = true;
    d->changed->set();
}

void add(const shared& d, net::stream connection) {
    net::loop& loop = connection.owner();
    const std::size_t number = d->choice.add(net::clock::now());
    d->all.push_back(std::make_unique<held_connection>(loop, std::move(connection)));
    loop.spawn("TLS on a data connection", shake_hands(d, number));
}

/// Closes all but `chosen`.
void close_others(const data_connections& d, std::optional<std::size_t> chosen) {
    for (std::size_t i = 0; i < d.all.size(); ++i) {
        if (i == chosen) continue;
        d.all[i]->stream.close();
        d.all[i]->decided.set();
    }
}

/// Does not choose a connection whose peer has closed it while it was held.
void drop_closed(data_connections& d) {
    for (std::size_t i = 0; i < d.all.size(); ++i)
        if (d.choice.of(i) == state::new_session && d.all[i]->stream.peer_has_finished()) d.choice.set(i, state::failed);
}

/// Why none was chosen.
error failure_of(const data_connections& d, bool overflowed) {
    if (overflowed)
        return {errc::tls_not_resumed, 0,
                "Too many data connections arrived from your address, and none reused the control connection's TLS session; "
                "enable session reuse in your client"};
    return d.first_failure.value_or(error{errc::tls, 0, "the data connection was closed during the TLS handshake"});
}

/// Waits for the decision.
net::task<result<std::size_t>> choose(port_reservation& port, shared d) {
    for (;;) {
        d->changed->clear();
        if (port.is_cancelled()) co_return fail(errc::cancelled, "the wait for the data connection was cancelled");
        while (auto next = port.take())
            add(d, net::stream(d->all.front()->stream.owner(), std::move(next->socket), next->local, next->peer));
        if (port.has_overflowed()) d->choice.set_overflowed();
        drop_closed(*d);
        const auto now = net::clock::now();
        if (const auto chosen = d->choice.chosen(now)) co_return *chosen;
        if (d->choice.has_failed(now)) co_return std::unexpected(failure_of(*d, port.has_overflowed()));
        co_await d->changed->wait(d->choice.next_decision(now));
    }
}

/// Completes the handshake of the connection that was chosen.
net::task<result<void>> finish(port_reservation& port, shared d, std::size_t chosen) {
    held_connection& own = *d->all[chosen];
    own.admitted = true;
    own.decided.set();
    while (!own.finished) {
        d->changed->clear();
        if (port.is_cancelled()) co_return fail(errc::cancelled, "the wait for the data connection was cancelled");
        co_await d->changed->wait(net::deadline::max());
    }
    if (d->choice.of(chosen) == state::failed && d->first_failure) co_return std::unexpected(*d->first_failure);
    co_return result<void>();
}

net::task<result<tls_data_connection>> accept_one(port_reservation& port, shared d, net::stream first,
                                                  tls_data_request request) {
    add(d, std::move(first));
    const result<std::size_t> chosen = co_await choose(port, d);
    port.stop_accepting();
    close_others(*d, chosen ? std::optional(*chosen) : std::nullopt);
    if (!chosen) co_return std::unexpected(chosen.error());
    d->first_failure.reset();
    const result<void> done = co_await finish(port, d, *chosen);
    held_connection& own = *d->all[*chosen];
    if (!done) own.stream.close();
    if (!done) co_return std::unexpected(done.error());
    if (own.stream.tls().resumed)
        request.history.resumed();
    else
        request.history.served_new_session();
    co_return tls_data_connection{std::move(own.stream), d->all.size() - 1};
}

}  // namespace

net::task<result<tls_data_connection>> accept_tls_data(port_reservation& port, net::stream first, tls_data_request request) {
    const auto d = std::make_shared<data_connections>(port, request);
    try {
        co_return co_await accept_one(port, d, std::move(first), request);
    } catch (...) {
        // The handshakes would wait for a decision.
        close_others(*d, std::nullopt);
        throw;
    }
}

}  // namespace sallyport::reach
