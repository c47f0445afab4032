#pragma once
// What the relay's tests share: four ends of two legs, each leg with or without TLS.

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

struct tls_of_legs {
    bool front = false;
    bool back = false;
};

struct tls_kit {
    explicit tls_kit(loop& l) : home(l) {
        const auto made = make_self_signed({"localhost"}, 1);
        server = *tls_server_context::from_pem(made->certificate, made->key);
    }
    task<> secure(stream& accepting, stream& connecting);
    task<legs> make_legs(tls_of_legs tls);

    loop& home;
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
    background other(home, accept_secure(accepting, server, allow_missing_close_notify));
    const tls_connect_options options{.server_name = "localhost"};
    const auto done = co_await connecting.connect_tls(client, options, soon());
    const bool accepted = co_await other.get();
    EXPECT_TRUE(done && accepted);
}

inline task<legs> tls_kit::make_legs(tls_of_legs tls) {
    auto front = co_await make_pair_of_streams(home);
    auto back = co_await make_pair_of_streams(home);
    legs made{std::move(front.client), std::move(front.server), std::move(back.client), std::move(back.server)};
    if (tls.front) co_await secure(made.a, made.client);
    if (tls.back) co_await secure(made.backend, made.b);
    co_return made;
}

inline task<bool> send_and_end(stream& s, std::string bytes) {
    const auto written = co_await s.write_all(bytes, soon());
    const auto ended = co_await s.finish_sending(1s);
    co_return written.has_value() && ended.has_value();
}

}  // namespace sallyport::net
