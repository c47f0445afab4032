#include <sallyport/reach/upnp_http.hpp>

#include <array>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::reach {

net::task<result<http_reply>> exchange_http(net::loop& loop, endpoint with, std::string request, ip_address from) {
    const auto limit = net::time_limit::within(limits::upnp_request_timeout);
    net::connect_options options;
    options.bind_to = {from, 0};
    auto connected = co_await net::connect(loop, with, std::move(options), limit);
    if (!connected) co_return std::unexpected(connected.error());
    if (auto written = co_await connected->write_all(request, limit); !written) co_return std::unexpected(written.error());
    std::string received;
    std::array<char, 4096> block{};
    for (;;) {
        const auto size = co_await connected->read_some(block, limit);
        if (!size) co_return std::unexpected(size.error());
        received.append(block.data(), *size);
        if (received.size() > limits::max_upnp_answer) co_return fail(errc::too_long, "the router's answer is too long");
        auto reply = parse_http_reply(received, *size == 0);
        if (!reply) co_return std::unexpected(reply.error());
        if (*reply) co_return std::move(**reply);
    }
}

net::task<result<std::string>> call_upnp(net::loop& loop, upnp_service service, std::string request, const char* name,
                                         ip_address from) {
    const auto reply = co_await exchange_http(loop, service.control.at, std::move(request), from);
    if (!reply) co_return std::unexpected(reply.error());
    co_return soap_value(*reply, name);
}

}  // namespace sallyport::reach
