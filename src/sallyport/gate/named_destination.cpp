#include <sallyport/gate/named_destination.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/gate/forward_rule.hpp>
#include <sallyport/gate/unshared_destination.hpp>
#include <sallyport/net/interfaces.hpp>
#include <sallyport/net/resolve_for_client.hpp>

namespace sallyport::gate {

net::task<std::expected<established_leg, no_leg>> connect_named(net::loop& loop, std::shared_ptr<session_context> gate,
                                                                proto::named_server server, leg_request request,
                                                                std::function<void(log::level, std::string_view)> log) {
    constexpr std::string_view failed = "The FTP server that you have named is not available; try again later.";
    const auto& rules = gate->config.forward_to;
    auto addresses = result<std::vector<ip_address>>();
    if (may_permit(rules, server)) {
        const net::time_limit limit = net::time_limit::within(gate->config.backend_connect_timeout);
        addresses = co_await net::resolve_for_client(loop, server.host, request.client.source.address, limit);
    }
    const auto machine = net::interface_addresses();
    if (addresses && machine.empty()) addresses = fail(errc::unresolved, "the addresses of this machine cannot be read");
    auto to = permit(rules, server, addresses.value_or(std::vector<ip_address>()), machine);
    if (!to) {
        const auto& cause = addresses ? to.error() : addresses.error().what;
        log(log::level::warning, fmt::format("Server {} refused to the client: {}", server.text(), escape(cause, 300)));
        co_return std::unexpected(no_leg{failed, true});
    }
    auto leg = co_await establish_leg(loop, *gate, unshared_destination(std::move(*to)), std::move(request), std::move(log));
    if (leg) co_return std::move(*leg);
    co_return std::unexpected(no_leg{failed});
}

}  // namespace sallyport::gate
