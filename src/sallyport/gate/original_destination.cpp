#include <sallyport/gate/original_destination.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/gate/leg_settings.hpp>
#include <sallyport/gate/unshared_destination.hpp>

namespace sallyport::gate {
namespace {

/// Where TLS ends here, the backend leg has it as the client leg has.
[[nodiscard]] backend_tls tls_of(const client_control& client) noexcept {
    if (client.has_implicit_tls()) return backend_tls::implicit;
    return client.interception()->tls == intercepted_tls::end ? backend_tls::match : backend_tls::none;
}

}  // namespace

net::task<std::expected<established_leg, no_leg>> connect_original(net::loop& loop, const session_context& gate,
                                                                   const client_control& client, leg_request request,
                                                                   std::function<void(log::level, std::string_view)> log) {
    const auto at = client.server_address();
    auto to = unshared_destination({.host = at.text(),
                                    .port = client.client_destination().port,
                                    .tls = tls_of(client),
                                    .tls_name = client.requested_host(),
                                    .addresses = {at}});
    if (at != client.client_destination().address)
        log(log::level::info,
            fmt::format("Connecting over IPv4 to {}, the address within the client's NAT64 destination", at.text()));
    request.make_socket = socket_maker(gate, client);
    auto leg = co_await establish_leg(loop, gate, std::move(to), std::move(request), std::move(log));
    if (leg) co_return std::move(*leg);
    if (leg.error().reply != 0)
        co_return std::unexpected(no_leg{"The FTP server does not accept the session now; try again later."});
    co_return std::unexpected(no_leg{"The FTP server cannot be reached; try again later."});
}

}  // namespace sallyport::gate
