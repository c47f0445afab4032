#include <sallyport/client/through_proxy.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include <sallyport/client/http_connect.hpp>
#include <sallyport/client/socks5.hpp>

namespace sallyport::client {

namespace {

using dialogue = std::variant<socks5_dialogue, http_connect_dialogue>;

dialogue dialogue_with(const proxy_server& proxy, const proxy_destination& to) {
    if (proxy.kind == proxy_kind::http) return http_connect_dialogue(proxy, to);
    return socks5_dialogue(proxy, to);
}

result<proxy_step> advance(dialogue& with, std::string_view received) {
    return std::visit([received](auto& each) { return each.advance(received); }, with);
}

std::unexpected<error> refused_by(const proxy_server& proxy, const error& why) {
    return fail(why.code, fmt::format("proxy {}: {}", proxy.text(), why.text()));
}

std::unexpected<error> lost(const proxy_server& proxy, const proxy_destination& to, errc code) {
    return fail(code, fmt::format("proxy {}: asking it to connect to {}: {}", proxy.text(), to.text(), describe(code)));
}

}  // namespace

net::task<result<void>> pass_proxy(net::stream& connection, proxy_server proxy, proxy_destination to,
                                   net::time_limit limit) {
    auto with = dialogue_with(proxy, to);
    auto step = advance(with, {});
    std::array<char, 64> block;
    for (;;) {
        if (!step) co_return refused_by(proxy, step.error());
        if (!step->send.empty()) {
            const auto sent = co_await connection.write_all(step->send, limit);
            if (!sent) co_return lost(proxy, to, sent.error().code);
        }
        if (step->read == 0) co_return result<void>{};
        const auto n = co_await connection.read_some(std::span(block).first(std::min(step->read, block.size())), limit);
        if (!n || *n == 0) co_return lost(proxy, to, n ? errc::closed : n.error().code);
        step = advance(with, {block.data(), *n});
    }
}

}  // namespace sallyport::client
