#pragma once
// Shared by the relay's tests: the four streams of a client leg and a backend leg, each leg with or without TLS. Owned by
// each test, on the loop of net_test.

#include <sallyport/net/net_test.hpp>
#include <sallyport/net/relay_pump.hpp>

namespace sallyport::net {

/// client <-> (a | b) <-> backend; each leg with or without TLS.
struct legs {
    stream client;
    stream a;
    stream b;
    stream backend;
};

struct tls_legs {
    bool client_leg = false;
    bool backend_leg = false;
};

struct tls_kit {
    explicit tls_kit(loop& l) : owner(l) {
        const auto made = make_self_signed({"localhost"}, 1);
        server = *tls_server_context::from_pem(made->certificate, made->key);
    }
    task<> secure(stream& accepting, stream& connecting);
    task<legs> make_legs(tls_legs tls);

    loop& owner;
    bool allow_missing_close_notify = false;
    tls_server_context server;
    tls_client_context client = *tls_client_context::make({.verify = false});
};

inline task<bool> accept_secure(stream& s, const tls_server_context& context, bool allow_missing_close_notify) {
    const tls_accept_options options{.session_id_context = "s", .allow_missing_close_notify = allow_missing_close_notify};
    const auto done = co_await s.accept_tls(context, options, soon());
    co_return done.has_value();
}

inline task<> tls_kit::secure(stream& accepting, stream& connecting) {
    concurrent_task other(owner, accept_secure(accepting, server, allow_missing_close_notify));
    const tls_connect_options options{.server_name = "localhost"};
    const auto done = co_await connecting.connect_tls(client, options, soon());
    const bool accepted = co_await other.get();
    EXPECT_TRUE(done && accepted);
}

inline task<legs> tls_kit::make_legs(tls_legs tls) {
    auto client_leg = co_await make_stream_pair(owner);
    auto backend_leg = co_await make_stream_pair(owner);
    legs made{std::move(client_leg.client), std::move(client_leg.server), std::move(backend_leg.client),
              std::move(backend_leg.server)};
    if (tls.client_leg) co_await secure(made.a, made.client);
    if (tls.backend_leg) co_await secure(made.backend, made.b);
    co_return made;
}

inline task<bool> send_and_finish(stream& s, std::string bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    const auto ended = co_await s.shutdown_send(1s);
    co_return written.has_value() && ended.has_value();
}

}  // namespace sallyport::net
