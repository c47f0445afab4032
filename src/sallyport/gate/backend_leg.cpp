#include <sallyport/gate/backend_leg.hpp>

#include <utility>

#include <fmt/format.h>

namespace sallyport::gate {

net::task<result<void>> backend_leg::start_tls(const net::tls_client_context& settings, std::string host,
                                               net::deadline until) {
    const net::tls_connect_options as{.server_name = std::move(host), .resume = {}};
    co_return co_await stream.connect_tls(settings, as, {.total = until});
}

net::task<std::expected<established_leg, backend_failure>> establish_leg(
    net::loop& loop, const session_context& gate, destination to, leg_request request,
    std::function<void(log::level, std::string_view)> log) {
    const auto& config = gate.config;
    const auto started_at = net::clock::now();
    const auto limit = net::time_limit::within(config.backend_connect_timeout);
    const backend server = to.parameters().for_client(request.client_tls);
    const backend_access access{.client = request.client,
                                .tls = config.backend_tls,
                                .keepalive = config.keepalive,
                                .guard = &gate.base->guard,
                                .user = {},
                                .password = {},
                                .make_socket = std::move(request.make_socket)};
    auto connected = co_await connect_to_backend(loop, server, access, limit, request.up_to);
    if (!connected) {
        log(log::level::warning, fmt::format("Backend {} not used: {}", to.name(), connected.error().text()));
        to.failed(connected.error());
        co_return std::unexpected(std::move(connected.error()));
    }
    to.responded(net::clock::now() - started_at);
    co_return established_leg{{std::move(to), std::move(connected->stream), std::move(connected->registration)},
                              std::move(connected->greeting)};
}

}  // namespace sallyport::gate
