#include <sallyport/client/connector.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/client/through_proxy.hpp>
#include <sallyport/net/connecting.hpp>

namespace sallyport::client {

using proto::client_failure;
using proto::client_step;

net::task<std::expected<net::stream, client_failure>> connector::connect(server_address server, net::deadline deadline) {
    deadline_ = deadline;
    failed_at_proxy_ = false;
    // GCC 12 destroys a braced temporary in a co_await expression twice.
    const proxy_destination destination{server.host, server.port};
    auto failure = co_await connect_to_host(std::move(server));
    if (options_.proxy) {
        failed_at_proxy_ = failure && failure->cause.code != errc::cancelled;
        if (!failure) failure = co_await pass(destination);
    }
    if (failure) co_return std::unexpected(std::move(*failure));
    co_return std::move(stream_);
}

void connector::cancel() {
    is_cancelled_ = true;
    if (const auto race = race_.lock()) race->end();
    // The dialogue with a proxy.
    if (stream_.is_open()) stream_.interrupt_read();
}

net::time_limit connector::limit() const {
    return {options_.connect, std::min(deadline_, net::clock::now() + options_.connect)};
}

void connector::trace(const std::string& text) const {
    if (options_.transcript) options_.transcript("* " + text);
}

client_failure connector::failed(client_step at, const error& why) const {
    if (!options_.proxy) return {at, why};
    return {at, error{why.code, 0, fmt::format("proxy {}: {}", options_.proxy->text(), why.text())}};
}

net::task<std::optional<client_failure>> connector::pass(proxy_destination server) {
    const auto passed = co_await pass_proxy(stream_, *options_.proxy, server, limit());
    if (passed) {
        trace(fmt::format("connected to {} through the proxy {}", server.text(), options_.proxy->text()));
        co_return std::nullopt;
    }
    trace(passed.error().text());
    stream_.close();
    if (is_cancelled_) co_return client_failure{client_step::connect, error{errc::cancelled, 0, {}}};
    const auto code = passed.error().code;
    failed_at_proxy_ = code != errc::refused && code != errc::unreachable && code != errc::timeout;
    co_return client_failure{client_step::connect, passed.error()};
}

result<void> connector::start_attempt(address_race& race, const endpoint& to) {
    std::function<void(const endpoint&)> on_local;
    if (options_.before_connect) {
        auto prepared = options_.before_connect(to);
        if (!prepared) return std::unexpected(std::move(prepared.error()));
        on_local = std::move(*prepared);
    }
    trace("connecting to " + to.text());
    auto socket = options_.make_socket ? options_.make_socket() : net::stream_socket(to.address);
    if (!socket) return std::unexpected(std::move(socket.error()));
    if (options_.make_socket)
        if (auto prepared = net::prepare_stream_socket(socket->get(), to.address); !prepared) return prepared;
    race.start(std::move(*socket), to, on_local, limit());
    return {};
}

/// To the server, or to the proxy.
net::task<std::optional<client_failure>> connector::connect_to_host(server_address server) {
    const auto& proxy = options_.proxy;
    const auto host = proxy ? proxy->host : server.host;
    const auto port = proxy ? proxy->port : server.port;
    clock_.enter(client_step::resolve);
    auto found = result<std::vector<ip_address>>();
    if (!proxy) found = server.addresses;
    if (found->empty()) found = co_await net::resolve(loop_, host, limit());
    if (!found) co_return failed(client_step::resolve, found.error());
    const auto addresses = attempt_order(*found, options_.version);
    if (addresses.empty() && !found->empty())
        co_return failed(client_step::resolve,
                         error{errc::unsupported, 0,
                               fmt::format("{} has no IPv{} address", host, options_.version == ip_version::ipv4 ? 4 : 6)});

    clock_.enter(client_step::connect);
    // If an attempt ends without a reason, an exception has ended it.
    auto why = addresses.empty() ? error{errc::unresolved, 0, "the host has no address"} : fail_without_memory().error();
    // More specific than the errors of connections.
    std::optional<error> forbidden;
    const auto race = std::make_shared<address_race>(loop_);
    const at_exit end_others([&race] { race->end(); });
    race_ = race;
    for (auto next = addresses.begin();
         !is_cancelled_ && !race->connected() && (next != addresses.end() || race->is_running());) {
        auto until = net::deadline::max();
        if (next != addresses.end()) {
            const auto started = start_attempt(*race, {*next++, port});
            if (!started) {
                forbidden = started.error();
                continue;
            }
            if (next != addresses.end() && options_.next_address) until = net::clock::now() + *options_.next_address;
        }
        co_await race->wait(until);
        for (auto& each : race->take_failures()) {
            why = std::move(each);
            trace(why.text());
        }
    }
    if (is_cancelled_) co_return client_failure{client_step::connect, error{errc::cancelled, 0, {}}};
    if (!race->connected()) co_return failed(client_step::connect, forbidden.value_or(std::move(why)));
    stream_ = std::move(*race->connected());
    co_return std::nullopt;
}

}  // namespace sallyport::client
