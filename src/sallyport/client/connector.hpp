#pragma once
// Opens the TCP connection with a server: name, addresses, a proxy on the way (address_race.hpp, through_proxy.hpp).
//
// A part of its connection, whose options and clock outlive it, on the thread of its loop. Errors name the server, or the
// proxy and what it says.

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/client/connection_options.hpp>
#include <sallyport/client/step_clock.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/client_settings.hpp>

namespace sallyport::client {

class connector {
public:
    connector(net::loop& l, const connection_options& options, step_clock& clock)
        : loop_(l), options_(options), clock_(clock) {}

    /// The connection with the first address that answers, or the one that the proxy has opened.
    net::task<std::expected<net::stream, proto::client_failure>> connect(server_address server, net::deadline deadline);
    /// Ends connect() with errc::cancelled.
    void cancel();
    /// connect() has failed, and the reason is the proxy.
    [[nodiscard]] bool failed_at_proxy() const noexcept { return failed_at_proxy_; }

private:
    net::task<std::optional<proto::client_failure>> connect_to_host(server_address server);
    net::task<std::optional<proto::client_failure>> pass(proxy_destination server);
    result<void> start_attempt(address_race& race, const endpoint& to);
    [[nodiscard]] proto::client_failure failed(proto::client_step at, const error& why) const;
    [[nodiscard]] net::time_limit limit() const;
    void trace(const std::string& text) const;

    net::loop& loop_;
    const connection_options& options_;
    step_clock& clock_;
    net::deadline deadline_ = net::deadline::max();
    /// While addresses are tried.
    std::weak_ptr<address_race> race_;
    net::stream stream_;
    bool is_cancelled_ = false;
    bool failed_at_proxy_ = false;
};

}  // namespace sallyport::client
